package declare

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Template is a text of a stanza with {names} in it; {{ and }} are braces.
type Template struct {
	parts []part
}

// part is literal text, or a name.
type part struct {
	text   string
	isName bool
}

// Parse cuts s into its parts. known tells which names there are.
func Parse(s string, known func(name string) bool) (Template, error) {
	var t Template
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

// Render puts values in.
func (t Template) Render(value func(name string) string) string {
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

// Document is JSON whose texts are templates. It is a Template, a list, a
// table, or whatever else JSON has and is passed on as it stands.
type Document struct {
	value any // Template, []Document, map[string]Document, json.Number, bool or nil
}

// ParseDocument reads JSON whose texts are templates.
func ParseDocument(s string, known func(string) bool) (Document, error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return Document{}, fmt.Errorf("is not JSON: %w", err)
	}
	if d.More() {
		return Document{}, fmt.Errorf("is not one JSON document")
	}
	return compile(v, known)
}

func compile(v any, known func(string) bool) (Document, error) {
	switch v := v.(type) {
	case string:
		t, err := Parse(v, known)
		return Document{t}, err
	case []any:
		list := make([]Document, len(v))
		for i := range v {
			var err error
			if list[i], err = compile(v[i], known); err != nil {
				return Document{}, err
			}
		}
		return Document{list}, nil
	case map[string]any:
		table := make(map[string]Document, len(v))
		for key := range v {
			var err error
			if table[key], err = compile(v[key], known); err != nil {
				return Document{}, err
			}
		}
		return Document{table}, nil
	default:
		return Document{v}, nil
	}
}

// Render is the document with values put in, ready to be marshalled.
func (d Document) Render(value func(string) string) any {
	switch v := d.value.(type) {
	case Template:
		return v.Render(value)
	case []Document:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i].Render(value)
		}
		return list
	case map[string]Document:
		table := make(map[string]any, len(v))
		for key := range v {
			table[key] = v[key].Render(value)
		}
		return table
	default:
		return v
	}
}

// Each calls f with every template of the document.
func (d Document) Each(f func(Template)) {
	switch v := d.value.(type) {
	case Template:
		f(v)
	case []Document:
		for i := range v {
			v[i].Each(f)
		}
	case map[string]Document:
		for key := range v {
			v[key].Each(f)
		}
	}
}

// Names are the names in the template, in their order.
func (t Template) Names() []string {
	var names []string
	for _, p := range t.parts {
		if p.isName {
			names = append(names, p.text)
		}
	}
	return names
}
