package httpsms

import (
	"encoding/json"
	"fmt"
	"strings"
)

// template is a text of a stanza with {names} in it; {{ and }} are braces.
type template struct {
	parts []part
}

// part is literal text, or a name.
type part struct {
	text   string
	isName bool
}

// parseTemplate cuts s into its parts. known tells which names there are.
func parseTemplate(s string, known func(name string) bool) (template, error) {
	var t template
	var literal strings.Builder
	for s != "" {
		at := strings.IndexAny(s, "{}")
		if at < 0 {
			literal.WriteString(s)
			break
		}
		literal.WriteString(s[:at])
		s = s[at:]
		if len(s) > 1 && s[1] == s[0] {
			literal.WriteByte(s[0])
			s = s[2:]
			continue
		}
		name, rest, closed := strings.Cut(s[1:], "}")
		switch {
		case s[0] == '}':
			return t, fmt.Errorf("has a } without its {; a brace itself is written }}")
		case !closed || strings.ContainsAny(name, "{ \t\r\n"):
			return t, fmt.Errorf("has a { without its }; a brace itself is written {{")
		case !known(name):
			return t, fmt.Errorf("there is no {%s}", name)
		}
		if literal.Len() > 0 {
			t.parts = append(t.parts, part{text: literal.String()})
			literal.Reset()
		}
		t.parts = append(t.parts, part{text: name, isName: true})
		s = rest
	}
	if literal.Len() > 0 {
		t.parts = append(t.parts, part{text: literal.String()})
	}
	return t, nil
}

// render puts values in.
func (t template) render(value func(name string) string) string {
	if len(t.parts) == 1 && !t.parts[0].isName {
		return t.parts[0].text
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.isName {
			b.WriteString(value(p.text))
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// document is JSON whose texts are templates. It is a template, a list, a
// table, or whatever else JSON has and is passed on as it stands.
type document struct {
	value any // template, []document, map[string]document, json.Number, bool or nil
}

func parseDocument(s string, known func(string) bool) (document, error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return document{}, fmt.Errorf("is not JSON: %w", err)
	}
	if d.More() {
		return document{}, fmt.Errorf("is not one JSON document")
	}
	return compile(v, known)
}

func compile(v any, known func(string) bool) (document, error) {
	switch v := v.(type) {
	case string:
		t, err := parseTemplate(v, known)
		return document{t}, err
	case []any:
		list := make([]document, len(v))
		for i := range v {
			var err error
			if list[i], err = compile(v[i], known); err != nil {
				return document{}, err
			}
		}
		return document{list}, nil
	case map[string]any:
		table := make(map[string]document, len(v))
		for key := range v {
			var err error
			if table[key], err = compile(v[key], known); err != nil {
				return document{}, err
			}
		}
		return document{table}, nil
	default:
		return document{v}, nil
	}
}

// render is the document with values put in, ready to be marshalled.
func (d document) render(value func(string) string) any {
	switch v := d.value.(type) {
	case template:
		return v.render(value)
	case []document:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i].render(value)
		}
		return list
	case map[string]document:
		table := make(map[string]any, len(v))
		for key := range v {
			table[key] = v[key].render(value)
		}
		return table
	default:
		return v
	}
}

// each calls f with every template of the document.
func (d document) each(f func(template)) {
	switch v := d.value.(type) {
	case template:
		f(v)
	case []document:
		for i := range v {
			v[i].each(f)
		}
	case map[string]document:
		for key := range v {
			v[key].each(f)
		}
	}
}
