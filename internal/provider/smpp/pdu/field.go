package pdu

import (
	"bytes"
	"fmt"
	"strings"
)

// appendCString appends s and its NUL; limit counts the NUL.
func appendCString(dst []byte, field, s string, limit int) ([]byte, error) {
	if len(s) >= limit {
		return dst, fmt.Errorf("%w: %s over %d octets", ErrField, field, limit-1)
	}
	if strings.IndexByte(s, 0) >= 0 {
		return dst, fmt.Errorf("%w: NUL in %s", ErrField, field)
	}
	dst = append(dst, s...)
	return append(dst, 0), nil
}

// fields reads a body from front to back; after the first error it returns
// zero values, so that a parser checks once.
type fields struct {
	rest []byte
	copy string // the whole body, so that every string of it costs one allocation in all
	err  error
}

func newFields(body []byte) fields { return fields{rest: body, copy: string(body)} }

func (f *fields) fail(field string) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: %s", ErrBody, field)
	}
}

// cString reads a string that ends with NUL; limit counts the NUL.
func (f *fields) cString(field string, limit int) string {
	if f.err != nil {
		return ""
	}
	window := f.rest[:min(limit, len(f.rest))]
	end := bytes.IndexByte(window, 0)
	if end < 0 {
		f.fail(field)
		return ""
	}
	at := len(f.copy) - len(f.rest)
	f.rest = f.rest[end+1:]
	return f.copy[at : at+end]
}

// when reads an SMPP time: 1 octet (empty) or 17.
func (f *fields) when(field string) string {
	s := f.cString(field, timeLen+1)
	if s != "" && len(s) != timeLen {
		f.fail(field)
		return ""
	}
	return s
}

func (f *fields) octet(field string) byte {
	if f.err != nil {
		return 0
	}
	if len(f.rest) == 0 {
		f.fail(field)
		return 0
	}
	b := f.rest[0]
	f.rest = f.rest[1:]
	return b
}

func (f *fields) octets(field string, n int) []byte {
	if f.err != nil {
		return nil
	}
	if n > len(f.rest) {
		f.fail(field)
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}
