package pdu

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// writer appends a body from front to back; after the first error it appends
// nothing, so that an encoder checks once.
type writer struct {
	dst []byte
	err error
}

func (w *writer) fail(field, why string) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %s %s", ErrField, field, why)
	}
}

// fixed appends s, padded with NUL to its width (contracts/delivery.md §3.1).
func (w *writer) fixed(field, s string, width int) {
	if len(s) > width {
		w.fail(field, fmt.Sprintf("over %d octets", width))
		return
	}
	if strings.IndexByte(s, 0) >= 0 {
		w.fail(field, "holds a NUL")
		return
	}
	w.dst = append(w.dst, s...)
	w.dst = append(w.dst, padding[:width-len(s)]...)
}

var padding [32]byte

func (w *writer) octets(b ...byte) { w.dst = append(w.dst, b...) }

func (w *writer) uint32(v uint32) { w.dst = binary.BigEndian.AppendUint32(w.dst, v) }

func (w *writer) uint64(v uint64) { w.dst = binary.BigEndian.AppendUint64(w.dst, v) }

// content appends a length octet and the text's octets: at most 140, or 159 in
// ASCII (contracts/delivery.md §3.3).
func (w *writer) content(format byte, content []byte) {
	if len(content) > MaxContent(format) {
		w.fail("Msg_Content", fmt.Sprintf("over %d octets", MaxContent(format)))
		return
	}
	w.dst = append(w.dst, byte(len(content)))
	w.dst = append(w.dst, content...)
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

// take is the next n octets, nil when there are fewer.
func (f *fields) take(field string, n int) []byte {
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

// fixed reads a string of a width: up to its first NUL, or all of it.
func (f *fields) fixed(field string, width int) string {
	at := len(f.copy) - len(f.rest)
	if f.take(field, width) == nil {
		return ""
	}
	s := f.copy[at : at+width]
	if end := strings.IndexByte(s, 0); end >= 0 {
		s = s[:end]
	}
	return s
}

func (f *fields) octet(field string) byte {
	if b := f.take(field, 1); b != nil {
		return b[0]
	}
	return 0
}

func (f *fields) uint32(field string) uint32 {
	if b := f.take(field, 4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (f *fields) uint64(field string) uint64 {
	if b := f.take(field, 8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// end is the error so far, or that the body goes on.
func (f *fields) end() error {
	if len(f.rest) > 0 {
		f.fail("octets after the last field")
	}
	return f.err
}
