package facade

import (
	"strings"

	"yanma.dev/yanma/internal/core"
)

// walker finds the members of an object in text that is known to be valid
// JSON, and checks on the way what JSON itself allows but the contract does
// not: depth, NUL and half surrogates. Because the text is valid, every loop
// here ends at a closing quote, brace or bracket.
type walker struct {
	text    string
	at      int
	escapes bool // there is a backslash somewhere
}

// seekObject moves to the opening brace; false when the value is no object.
func (w *walker) seekObject() bool {
	w.space()
	return w.text[w.at] == '{'
}

// object reads the members of the object at the walker's place.
func (w *walker) object(o *Object) error {
	w.at++
	for {
		w.space()
		switch w.text[w.at] {
		case '}':
			return nil
		case ',':
			w.at++
			w.space()
		}
		name, err := w.name()
		if err != nil {
			return err
		}
		w.space()
		w.at++ // the colon
		w.space()
		start := w.at
		if err := w.value(); err != nil {
			return err
		}
		o.members = append(o.members, member{name: name, value: Value{literal: w.text[start:w.at]}})
	}
}

func (w *walker) name() (string, error) {
	start := w.at
	if err := w.string(); err != nil {
		return "", err
	}
	text, _ := Value{literal: w.text[start:w.at]}.Text()
	return text, nil
}

// value skips one member's value; the object around it is the first level.
func (w *walker) value() error {
	depth := 1
	for {
		switch w.text[w.at] {
		case '"':
			if err := w.string(); err != nil {
				return err
			}
		case '{', '[':
			if depth++; depth > maxDepth {
				return core.E(core.KindMalformed, "nested too deep")
			}
			w.at++
		case '}', ']':
			depth--
			w.at++
		case ' ', '\t', '\r', '\n', ',', ':':
			w.at++
		default:
			w.scalar()
		}
		if depth == 1 {
			return nil
		}
	}
}

// scalar skips a number, true, false or null.
func (w *walker) scalar() {
	for {
		switch w.text[w.at] {
		case ' ', '\t', '\r', '\n', ',', ':', '}', ']':
			return
		}
		w.at++
	}
}

// string skips a string.
func (w *walker) string() error {
	w.at++
	if !w.escapes {
		w.at += strings.IndexByte(w.text[w.at:], '"') + 1
		return nil
	}
	for {
		switch w.text[w.at] {
		case '"':
			w.at++
			return nil
		case '\\':
			if err := w.escape(); err != nil {
				return err
			}
		default:
			w.at++
		}
	}
}

// escape skips one escape, or both of a surrogate pair.
func (w *walker) escape() error {
	if w.text[w.at+1] != 'u' {
		w.at += 2
		return nil
	}
	unit := hex4(w.text[w.at+2:])
	w.at += 6
	switch {
	case unit == 0:
		return core.E(core.KindMalformed, "NUL in a string")
	case unit&0xfc00 == 0xd800:
		rest := w.text[w.at:]
		if !strings.HasPrefix(rest, `\u`) || hex4(rest[2:])&0xfc00 != 0xdc00 {
			return core.E(core.KindMalformed, "half a surrogate pair in a string")
		}
		w.at += 6
	case unit&0xfc00 == 0xdc00:
		return core.E(core.KindMalformed, "half a surrogate pair in a string")
	}
	return nil
}

func (w *walker) space() {
	for w.at < len(w.text) {
		switch w.text[w.at] {
		case ' ', '\t', '\r', '\n':
			w.at++
		default:
			return
		}
	}
}

// hex4 reads four hexadecimal digits.
func hex4(s string) (unit uint32) {
	for i := range 4 {
		c := s[i]
		switch {
		case c >= 'a':
			c -= 'a' - 10
		case c >= 'A':
			c -= 'A' - 10
		default:
			c -= '0'
		}
		unit = unit<<4 | uint32(c)
	}
	return unit
}
