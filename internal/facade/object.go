package facade

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"yanma.dev/yanma/internal/core"
)

// maxDepth is how deep objects and arrays may nest (contracts/README.md §3.1).
const maxDepth = 32

const byteOrderMark = "\xef\xbb\xbf"

// Object is a decoded JSON object. Its members are parts of one copy of the
// body. The zero Object has no members.
type Object struct {
	members []member
}

type member struct {
	name  string
	value Value
}

// Value is one JSON value as it stands in the body: a literal. The zero Value
// is a member that is not there.
type Value struct {
	literal string
}

// ParseObject reads a body that must be one JSON object, by the rules of
// contracts/README.md §3.1: a byte order mark is skipped; invalid UTF-8, a NUL
// in any string, an escaped half of a surrogate pair (it has no UTF-8), nesting
// deeper than 32, or anything but whitespace after the object is malformed.
// Every error is KindMalformed.
func ParseObject(body []byte) (Object, error) {
	var o Object
	err := o.Parse(body)
	return o, err
}

// Parse is ParseObject into an Object whose memory is used again. The caller
// may use body again when it returns.
func (o *Object) Parse(body []byte) error {
	o.Reset()
	body = bytes.TrimPrefix(body, []byte(byteOrderMark))
	if !utf8.Valid(body) {
		return core.E(core.KindMalformed, "body is not UTF-8")
	}
	if !json.Valid(body) {
		return core.E(core.KindMalformed, "body is not one JSON value")
	}
	w := walker{text: string(body), escapes: bytes.IndexByte(body, '\\') >= 0}
	if !w.seekObject() {
		return core.E(core.KindMalformed, "body is not a JSON object")
	}
	return w.object(o)
}

// keptMembers is how much memory Reset keeps for the next body.
const keptMembers = 32

// Reset forgets the members.
func (o *Object) Reset() {
	if cap(o.members) > keptMembers {
		o.members = nil
		return
	}
	clear(o.members)
	o.members = o.members[:0]
}

// Get is the value of a member, compared exactly and case-sensitively. Of a
// duplicated member the last one counts.
func (o *Object) Get(name string) Value {
	for i := len(o.members) - 1; i >= 0; i-- {
		if o.members[i].name == name {
			return o.members[i].value
		}
	}
	return Value{}
}

// Len is how many members the text has, duplicates counted.
func (o *Object) Len() int { return len(o.members) }

// Only is the name of the object's one member, which may stand there more than
// once; false when there are none or several.
func (o *Object) Only() (name string, ok bool) {
	for _, m := range o.members {
		if m.name != o.members[0].name {
			return "", false
		}
	}
	if len(o.members) == 0 {
		return "", false
	}
	return o.members[0].name, true
}

// IsMissing tells whether there is no value: the member is not there, or null.
func (v Value) IsMissing() bool { return v.literal == "" || v.literal == "null" }

// Text is the value of a string; ok is false for every other type.
func (v Value) Text() (text string, ok bool) {
	if v.literal == "" || v.literal[0] != '"' {
		return "", false
	}
	inner := v.literal[1 : len(v.literal)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner, true
	}
	return unescape(v.literal), true
}

// Number is the literal of a number, such as 1e3; ok is false for every other
// type. Numbers never pass through floating point.
func (v Value) Number() (literal string, ok bool) {
	if v.literal == "" || v.literal[0] != '-' && (v.literal[0] < '0' || v.literal[0] > '9') {
		return "", false
	}
	return v.literal, true
}

// Literal is the value as it was written; empty when it is not there.
func (v Value) Literal() string { return v.literal }

// unescape reads a string literal that is already known to be valid.
func unescape(literal string) string {
	var s string
	if json.Unmarshal([]byte(literal), &s) != nil {
		return ""
	}
	return s
}
