package postgres

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Types that cross the wire, by their object ids in the system catalogue.
const (
	oidBool    = 16
	oidBytea   = 17
	oidName    = 19
	oidInt8    = 20
	oidInt2    = 21
	oidInt4    = 23
	oidText    = 25
	oidVarchar = 1043
)

// arrays are the parameters of a statement over many rows: an array for each
// column, in the binary form of the protocol. Rows are written column by
// column, from left to right. Memory is reused.
type arrays struct {
	columns []array
	next    int
	rows    int
	values  [][]byte
}

// array is one of them: 20 bytes of header, then a length and the bytes of each
// element.
type array struct {
	buf   []byte
	nulls bool
}

const arrayHeader = 20

// begin empties the arrays for a statement with these columns.
func (a *arrays) begin(columns []column) {
	for len(a.columns) < len(columns) {
		a.columns = append(a.columns, array{})
	}
	for i := range columns {
		c := &a.columns[i]
		if c.buf == nil {
			c.buf = make([]byte, arrayHeader, 512)
		}
		c.buf, c.nulls = c.buf[:arrayHeader], false
		binary.BigEndian.PutUint32(c.buf[8:], columns[i].oid())
	}
	a.next, a.rows = 0, 0
	a.values = a.values[:0]
	for range columns {
		a.values = append(a.values, nil)
	}
}

// end gives the values to bind. They are valid until the next begin.
func (a *arrays) end() [][]byte {
	for i := range a.values {
		c := &a.columns[i]
		binary.BigEndian.PutUint32(c.buf[0:], 1) // dimensions
		var nulls uint32
		if c.nulls {
			nulls = 1
		}
		binary.BigEndian.PutUint32(c.buf[4:], nulls)
		binary.BigEndian.PutUint32(c.buf[12:], uint32(a.rows))
		binary.BigEndian.PutUint32(c.buf[16:], 1) // the first index
		a.values[i] = c.buf
	}
	return a.values
}

func (a *arrays) column() *array {
	if a.next == 0 {
		a.rows++
	}
	c := &a.columns[a.next]
	if a.next++; a.next == len(a.values) {
		a.next = 0
	}
	return c
}

func (a *arrays) int(v int64) {
	c := a.column()
	c.buf = binary.BigEndian.AppendUint32(c.buf, 8)
	c.buf = binary.BigEndian.AppendUint64(c.buf, uint64(v))
}

func (a *arrays) time(t store.Time) { a.int(int64(t)) }

func (a *arrays) bool(v bool) {
	c := a.column()
	var b byte
	if v {
		b = 1
	}
	c.buf = append(binary.BigEndian.AppendUint32(c.buf, 1), b)
}

func (a *arrays) text(v string) {
	c := a.column()
	v = storable(v)
	c.buf = append(binary.BigEndian.AppendUint32(c.buf, uint32(len(v))), v...)
}

// raw writes a string into a column of bytes: what a carrier sends may be in
// any encoding.
func (a *arrays) raw(v string) {
	c := a.column()
	c.buf = append(binary.BigEndian.AppendUint32(c.buf, uint32(len(v))), v...)
}

func (a *arrays) null() {
	c := a.column()
	c.buf = binary.BigEndian.AppendUint32(c.buf, 1<<32-1)
	c.nulls = true
}

// bytes writes a blob; nothing is NULL.
func (a *arrays) bytes(v []byte) {
	if len(v) == 0 {
		a.null()
		return
	}
	c := a.column()
	c.buf = append(binary.BigEndian.AppendUint32(c.buf, uint32(len(v))), v...)
}

// side writes one side of a blind index; one that is not computed is NULL, so
// that it is in no index.
func (a *arrays) side(v *core.IndexValue) {
	if v.IsZero() {
		a.null()
		return
	}
	a.bytes(v[:])
}

// storable gives a text that the database takes: PostgreSQL refuses bytes that
// are not UTF-8, and NUL.
func storable(v string) string {
	if utf8.ValidString(v) && strings.IndexByte(v, 0) < 0 {
		return v
	}
	return strings.ReplaceAll(strings.ToValidUTF8(v, "\uFFFD"), "\x00", "\uFFFD")
}

// fields reads a row of an answer from left to right.
type fields struct {
	values [][]byte
	next   int
}

func (f *fields) take() []byte {
	v := f.values[f.next]
	f.next++
	return v
}

func (f *fields) int() int64       { return decodeInt(f.take()) }
func (f *fields) bool() bool       { return decodeInt(f.take()) != 0 }
func (f *fields) text() string     { return string(f.take()) }
func (f *fields) time() store.Time { return store.Time(f.int()) }

// bytes copies a blob out; NULL and the empty blob are nil.
func (f *fields) bytes() []byte { return append([]byte(nil), f.take()...) }

// into reads a blob of a fixed size.
func (f *fields) into(b []byte) { copy(b, f.take()) }

// index reads the two sides of a blind index.
func (f *fields) index() (x core.PhoneIndex) {
	f.into(x.A[:])
	f.into(x.B[:])
	return x
}

// decodeInt reads a bool or an integer of any width; NULL is 0.
func decodeInt(v []byte) int64 {
	switch len(v) {
	case 1:
		return int64(v[0])
	case 2:
		return int64(int16(binary.BigEndian.Uint16(v)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(v)))
	case 8:
		return int64(binary.BigEndian.Uint64(v))
	default:
		return 0
	}
}
