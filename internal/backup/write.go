package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Source is a database that is read: sqlite.Reader, postgres.Engine.
type Source interface {
	View(ctx context.Context, f func(store.SQL) error) error
	Tables(ctx context.Context, q store.SQL) ([]store.Table, error)
	Schema(ctx context.Context, q store.SQL) (int, error)
	Alone(ctx context.Context, q store.SQL) (bool, error)
	Engine() string
}

// WriteOptions of Write; all but Move are required.
type WriteOptions struct {
	Source  Source
	Path    string // of the file; there must be none
	Now     time.Time
	Program string // version of this program
	Move    bool   // for restore --move: nobody works on the database
}

// ErrServing says that a server works on the database that is to move.
var ErrServing = errors.New("a server works on the database: stop it before the move, and do not start it again")

// Write writes every row of the database, as they are at one instant, to a new
// file of mode 0600. It is there whole and on disk, or not at all. Errors:
// fs.ErrExist, ErrServing, those of the disk and of the database.
func Write(ctx context.Context, o WriteOptions) (head Header, foot Footer, err error) {
	if _, err := os.Lstat(o.Path); err == nil {
		return head, foot, fmt.Errorf("the file %s exists already and is not replaced: %w", o.Path, fs.ErrExist)
	}
	if o.Move {
		if err := alone(ctx, o.Source); err != nil {
			return head, foot, err
		}
	}
	aside := o.Path + ".new"
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a backup that was killed
		return head, foot, err
	}
	f, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return head, foot, err
	}
	w := &writer{sum: sha256.New(), keys: map[uint16]bool{}, codes: map[uint16]bool{}}
	w.out = bufio.NewWriterSize(io.MultiWriter(f, w.sum), 1<<18)
	err = o.Source.View(ctx, func(q store.SQL) error { return w.database(ctx, q, o) })
	if err == nil {
		_, err = f.Write(w.sum.Sum(nil))
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(aside, o.Path)
	}
	if err != nil {
		return head, foot, errors.Join(err, os.Remove(aside))
	}
	return w.head, w.foot, syncFolder(filepath.Dir(o.Path))
}

// A session of a server that was stopped may be seen for a moment.
const (
	looks = 20
	pause = 100 * time.Millisecond
)

// alone waits until nobody else works on the database.
func alone(ctx context.Context, s Source) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for range looks {
		var alone bool
		err := s.View(ctx, func(q store.SQL) (err error) {
			alone, err = s.Alone(ctx, q)
			return err
		})
		if err != nil || alone {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ErrServing
}

// writer writes one file.
type writer struct {
	out  *bufio.Writer
	sum  hash.Hash
	head Header
	foot Footer

	keys, codes map[uint16]bool // ids that were met
}

func (w *writer) database(ctx context.Context, q store.SQL, o WriteOptions) error {
	tables, err := w.describe(ctx, q, o)
	if err != nil {
		return err
	}
	if err := w.start(); err != nil {
		return err
	}
	w.foot.Sums = make(map[string]string, len(tables))
	for i := range w.head.Tables {
		if err := w.table(ctx, q, &w.head.Tables[i]); err != nil {
			return fmt.Errorf("table %s: %w", w.head.Tables[i].Name, err)
		}
	}
	w.foot.FieldKeys, w.foot.CodeKeys = sorted(w.keys), sorted(w.codes)
	return w.end()
}

// describe fills the header.
func (w *writer) describe(ctx context.Context, q store.SQL, o WriteOptions) (tables []store.Table, err error) {
	w.head = Header{Engine: o.Source.Engine(), Program: o.Program, At: o.Now.UTC(), Move: o.Move}
	if w.head.Schema, err = o.Source.Schema(ctx, q); err != nil {
		return nil, err
	}
	if w.head.Schema == 0 {
		return nil, errors.New("the database has no tables yet: there is nothing to back up")
	}
	if w.head.Installation, w.head.Generation, err = records.BoundKeyring(ctx, q); err != nil {
		return nil, err
	}
	if tables, err = o.Source.Tables(ctx, q); err != nil {
		return nil, err
	}
	for _, t := range tables {
		entry := tableOf(t)
		if entry.Rows, err = count(ctx, q, t.Name); err != nil {
			return nil, err
		}
		w.head.Tables = append(w.head.Tables, entry)
	}
	return tables, nil
}

func count(ctx context.Context, q store.SQL, table string) (n int64, err error) {
	err = q.Query(ctx, "SELECT COUNT(*) FROM "+table, func(r store.Scanner) error { return r.Scan(&n) })
	return n, err
}

func (w *writer) start() error {
	head, err := json.Marshal(w.head)
	if err != nil {
		return err
	}
	buf := append([]byte(magic), 0, 0, 0, format)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(head)))
	_, err = w.out.Write(append(buf, head...))
	return err
}

func (w *writer) end() error {
	foot, err := json.Marshal(w.foot)
	if err != nil {
		return err
	}
	if _, err := w.out.Write(binary.BigEndian.AppendUint32(foot, uint32(len(foot)))); err != nil {
		return err
	}
	return w.out.Flush()
}

// table writes the rows of a table and notes which keys they need.
func (w *writer) table(ctx context.Context, q store.SQL, t *Table) error {
	met := w.keysOf(t)
	digest, rows, err := eachRow(ctx, q, t, func(r *row, encoded []byte) error {
		met(r)
		_, err := w.out.Write(encoded)
		return err
	})
	if err != nil {
		return err
	}
	if rows != t.Rows {
		return fmt.Errorf("%d rows were counted and %d read", t.Rows, rows)
	}
	w.foot.Sums[t.Name] = digest
	return w.out.WriteByte(noMoreRows)
}

// keysOf gives what notes the keys that a row of the table needs.
func (w *writer) keysOf(t *Table) func(*row) {
	var sealed []int
	for _, s := range records.SealedTables() {
		if s.String() == t.Name {
			for _, name := range s.Columns() {
				sealed = append(sealed, t.column(name))
			}
		}
	}
	state, key := t.column("state"), t.column("code_key")
	return func(r *row) {
		for _, i := range sealed {
			if id, ok := keyring.SealedUnder(r.bytes[i]); ok {
				w.keys[id] = true
			}
		}
		if t.Name == "verification" && store.VerificationState(r.ints[state]).Live() {
			w.codes[uint16(r.ints[key])] = true
		}
	}
}

func (t *Table) column(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// eachRow reads a table in the order of its key. It calls f with each row, also
// as the file holds it, and gives the SHA-256 over all of them and how many
// there were.
func eachRow(ctx context.Context, q store.SQL, t *Table, f func(r *row, encoded []byte) error) (digest string, rows int64, err error) {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	sum, r, buf := sha256.New(), newRow(t), []byte(nil)
	sql := "SELECT " + strings.Join(names, ", ") + " FROM " + t.Name + " ORDER BY " + strings.Join(t.Key, ", ")
	err = q.Query(ctx, sql, func(s store.Scanner) error {
		if err := s.Scan(r.scan...); err != nil {
			return err
		}
		rows++
		buf = r.append(buf[:0], t)
		sum.Write(buf)
		return f(r, buf)
	})
	return hex.EncodeToString(sum.Sum(nil)), rows, err
}

func sorted(ids map[uint16]bool) []uint16 {
	list := make([]uint16, 0, len(ids))
	for id := range ids {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

// syncFolder puts a renaming on disk.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
