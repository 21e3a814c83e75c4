package message

import (
	"strings"
	"unicode/utf8"

	"yanma.dev/yanma/internal/core"
)

// piece is a part of a template's text: text as it stands, or the name of a
// parameter.
type piece struct{ literal, name string }

// cut splits a text at its placeholders. KindBadField placeholders for braces
// without partner and names that are none.
func cut(text string) ([]piece, error) {
	var pieces []piece
	for text != "" {
		before, rest, opened := strings.Cut(text, "{{")
		if strings.Contains(before, "}}") {
			return nil, bad("placeholders", "}} stands without {{ before it")
		}
		if before != "" {
			pieces = append(pieces, piece{literal: before})
		}
		if !opened {
			return pieces, nil
		}
		name, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return nil, bad("placeholders", "{{ stands without }} after it")
		}
		if !isPlaceholder(name) {
			return nil, bad("placeholders", "a name is of A-Z a-z 0-9 and _ between them")
		}
		pieces = append(pieces, piece{name: name})
		text = after
	}
	return pieces, nil
}

func isPlaceholder(name string) bool {
	if name == "" || len(name) > 64 || name[0] == '_' || name[len(name)-1] == '_' {
		return false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// namesOf are the placeholders, each once, in their order.
func namesOf(pieces []piece) []string {
	var names []string
	for _, p := range pieces {
		if p.name == "" {
			continue
		}
		seen := false
		for _, name := range names {
			seen = seen || name == p.name
		}
		if !seen {
			names = append(names, p.name)
		}
	}
	return names
}

// Prepare cuts the text once, for a template that is rendered often. A text that
// Check refused is rendered as it stands.
func (t *Template) Prepare() {
	pieces, err := cut(t.Text)
	if err != nil {
		pieces = []piece{{literal: t.Text}}
	}
	t.pieces = pieces
}

func (t *Template) cutText() []piece {
	if t.pieces != nil {
		return t.pieces
	}
	pieces, err := cut(t.Text)
	if err != nil {
		return []piece{{literal: t.Text}}
	}
	return pieces
}

// Placeholders are the names of the parameters, each once.
func (t *Template) Placeholders() []string { return namesOf(t.cutText()) }

// Render is the text of one message: 【signature】 first, the parameters in their
// places, and behind a marketing text the way out where it offers none
// (contracts/jsms.md §5, §11). Errors in the order of contracts/jsms.md §1.3:
// KindParametersEmpty, KindParametersMissing with its name as Field,
// KindForbiddenWord, KindForbiddenSymbol and KindContentTooLong with Field
// content.
func (t *Template) Render(signature string, params map[string]string, longest int, words *Words) (string, error) {
	pieces := t.cutText()
	var out strings.Builder
	out.Grow(len(t.Text) + len(signature) + 64)
	out.WriteString("【")
	out.WriteString(signature)
	out.WriteString("】")
	symbol := false
	for _, p := range pieces {
		if p.name == "" {
			out.WriteString(p.literal)
			continue
		}
		value := params[p.name]
		if value == "" {
			if len(params) == 0 {
				return "", core.E(core.KindParametersEmpty, "")
			}
			return "", core.Field(core.KindParametersMissing, p.name)
		}
		symbol = symbol || strings.ContainsAny(value, "【】") || strings.ContainsFunc(value, notText)
		out.WriteString(value)
	}
	if t.Kind == KindMarket && !offersOptOut(out.String()) {
		out.WriteString(OptOutSuffix)
	}
	text := out.String()
	if word, found := words.Find(text); found {
		return "", &core.Error{Kind: core.KindForbiddenWord, Field: "content", Detail: word}
	}
	switch {
	case symbol:
		return "", core.Field(core.KindForbiddenSymbol, "content")
	case utf8.RuneCountInString(text) > longest:
		return "", core.Field(core.KindContentTooLong, "content")
	}
	return text, nil
}
