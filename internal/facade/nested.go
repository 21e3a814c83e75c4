package facade

import "strings"

// Object is the value as an object; false for every other type. The value was
// checked with the body that it is a part of.
func (v Value) Object() (o Object, ok bool) {
	if v.literal == "" || v.literal[0] != '{' {
		return o, false
	}
	w := walker{text: v.literal, escapes: strings.IndexByte(v.literal, '\\') >= 0}
	return o, w.object(&o) == nil
}

// Elements are the values of an array; false for every other type.
func (v Value) Elements() (all []Value, ok bool) {
	if v.literal == "" || v.literal[0] != '[' {
		return nil, false
	}
	w := walker{text: v.literal, at: 1, escapes: strings.IndexByte(v.literal, '\\') >= 0}
	for {
		w.space()
		switch w.text[w.at] {
		case ']':
			return all, true
		case ',':
			w.at++
			w.space()
		}
		start := w.at
		if w.value() != nil {
			return nil, false
		}
		all = append(all, Value{literal: w.text[start:w.at]})
	}
}

// Each gives every member in its order, a duplicated one as often as it stands
// there.
func (o *Object) Each(f func(name string, v Value)) {
	for _, m := range o.members {
		f(m.name, m.value)
	}
}
