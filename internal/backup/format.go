package backup

import (
	"encoding/binary"
	"errors"
	"io"
	"time"

	"yanma.dev/yanma/internal/store"
)

// The file is
//
//	magic (13 bytes) ‖ format (4, big-endian) ‖ header length (4) ‖ header (JSON)
//	‖ for each table, in the header's order: rows, each a 1 and its values; then a 0
//	‖ footer (JSON) ‖ footer length (4) ‖ SHA-256 of all of the above (32)
//
// A value is a number (zigzag varint) or bytes (uvarint length, then as many),
// as the header says of its column. NULL is zero or empty: no column tells them
// apart. Every later format begins with the magic and the format's number, and
// ends with the SHA-256.
const (
	magic      = "yanma backup\x00"
	format     = 1
	headStart  = len(magic) + 8
	sumSize    = 32
	tailSize   = 4 + sumSize
	maxJSON    = 1 << 20  // of a header or footer
	maxValue   = 16 << 20 // bytes of one value
	rowFollows = 1
	noMoreRows = 0
)

// Kinds of value in the file.
const (
	kindInt   = "int"
	kindBytes = "bytes"
)

// Header says what the file holds.
type Header struct {
	Schema       int       `json:"schema"` // number of the newest migration
	Engine       string    `json:"engine"`
	Program      string    `json:"program"` // version of the program that wrote it
	At           time.Time `json:"at"`
	Move         bool      `json:"move"`         // nobody worked on the database while it was written
	Installation string    `json:"installation"` // whose keyring belongs to it; "" before the first start
	Generation   uint64    `json:"generation"`   // how far that was rotated, at least
	Tables       []Table   `json:"tables"`
}

// Table is one table in the file.
type Table struct {
	Name    string   `json:"name"`
	Rows    int64    `json:"rows"`
	Columns []Column `json:"columns"`
	Key     []string `json:"key"` // rows are in its order
}

// Column is one column in the file.
type Column struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// Footer is what is known only after the rows.
type Footer struct {
	Sums      map[string]string `json:"sums"`       // by table: SHA-256 over its rows, hex; the same on both engines
	FieldKeys []uint16          `json:"field_keys"` // ids of the keys that fields are sealed under
	CodeKeys  []uint16          `json:"code_keys"`  // ids of the peppers of live codes
}

// Why a file is refused. Open puts the path in front; together they are one
// sentence for the operator.
var (
	ErrNoBackup = errors.New("is not a Yanma backup")
	ErrDamaged  = errors.New("is truncated or damaged: its checksum does not match; use another backup")
	ErrNewer    = errors.New("was written by a newer version of Yanma; restore it with that version")
)

// tableOf is how a table of an engine is kept in the file.
func tableOf(t store.Table) Table {
	to := Table{Name: t.Name, Key: t.Key}
	for _, c := range t.Columns {
		kind := kindBytes
		if c.Kind == store.ColumnInt || c.Kind == store.ColumnBool {
			kind = kindInt
		}
		to.Columns = append(to.Columns, Column{Name: c.Name, Kind: kind})
	}
	return to
}

// row is the values of one row, in the order of the table's columns: Ints for
// those of kind int, Bytes for the others. It is used again for the next row.
type row struct {
	ints  []int64
	bytes [][]byte
	scan  []any // where each column is read into
}

func newRow(t *Table) *row {
	r := &row{ints: make([]int64, len(t.Columns)), bytes: make([][]byte, len(t.Columns)), scan: make([]any, len(t.Columns))}
	for i, c := range t.Columns {
		if r.scan[i] = &r.bytes[i]; c.Kind == kindInt {
			r.scan[i] = &r.ints[i]
		}
	}
	return r
}

// append adds the row as the file holds it.
func (r *row) append(dst []byte, t *Table) []byte {
	dst = append(dst, rowFollows)
	for i, c := range t.Columns {
		if c.Kind == kindInt {
			dst = binary.AppendVarint(dst, r.ints[i])
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(len(r.bytes[i])))
		dst = append(dst, r.bytes[i]...)
	}
	return dst
}

// byteReader is what rows are read from.
type byteReader interface {
	io.Reader
	io.ByteReader
}

// read reads the next row; false at the end of the table.
func (r *row) read(from byteReader, t *Table) (bool, error) {
	mark, err := from.ReadByte()
	if err != nil || mark == noMoreRows {
		return false, err
	}
	for i, c := range t.Columns {
		if c.Kind == kindInt {
			if r.ints[i], err = binary.ReadVarint(from); err != nil {
				return false, err
			}
			continue
		}
		size, err := binary.ReadUvarint(from)
		if err != nil {
			return false, err
		}
		if size > maxValue {
			return false, ErrDamaged
		}
		r.bytes[i] = make([]byte, size)
		if _, err := io.ReadFull(from, r.bytes[i]); err != nil {
			return false, err
		}
	}
	return true, nil
}
