package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"yanma.dev/yanma/internal/store"
)

// Reader reads the database of a folder that a server may be working on, and
// changes nothing in it. While a View runs, the server's WAL grows.
type Reader struct {
	engine *Engine // with nothing but one read connection
	lock   *os.File
}

// ErrMissing says that the folder has no database.
var ErrMissing = errors.New("no database")

// OpenReader opens the database of a folder for reading. With alone it takes
// the folder's lock: no server works on it, and none starts before Close. The
// errors are one sentence around ErrMissing, ErrInUse, ErrNewer or ErrForeign.
func OpenReader(ctx context.Context, o Options, alone bool) (*Reader, error) {
	o.setDefaults()
	migrations, err := embedded()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(o.Folder, databaseFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the data folder %s has %w", o.Folder, ErrMissing)
	} else if err != nil {
		return nil, folderError(o.Folder, err)
	}
	r := &Reader{engine: &Engine{options: o, migrations: migrations}}
	if alone {
		if r.lock, err = claimFolder(o.Folder); err != nil {
			return nil, err
		}
	}
	if err := r.open(ctx, path); err != nil {
		return nil, errors.Join(err, r.unlock())
	}
	return r, nil
}

func (r *Reader) open(ctx context.Context, path string) error {
	c, err := openConn(path, readerCache, r.engine.options.WALLimit, true)
	if err != nil {
		return openError(path, err)
	}
	err = r.inspect(ctx, c, path)
	if err != nil {
		return errors.Join(err, c.Close())
	}
	r.engine.readers = newPool(c)
	return nil
}

// inspect refuses what is not ours. It asks the connection: to read the file
// beside it would end its locks.
func (r *Reader) inspect(ctx context.Context, c *conn, path string) error {
	var id int64
	err := (&statements{conn: c}).Query(ctx, "PRAGMA application_id", func(row store.Scanner) error { return row.Scan(&id) })
	switch {
	case err != nil:
		return openError(path, err)
	case id != applicationID:
		return fmt.Errorf("the file %s is %w", path, ErrForeign)
	}
	_, err = r.engine.pending(ctx, c)
	return err
}

// View runs f in a read-only transaction that sees one state.
func (r *Reader) View(ctx context.Context, f func(store.SQL) error) error {
	return r.engine.View(ctx, f)
}

// Engine is the name of the engine.
func (r *Reader) Engine() string { return "sqlite" }

// Alone tells whether nobody else works on the database while the reader is
// open.
func (r *Reader) Alone(context.Context, store.SQL) (bool, error) { return r.lock != nil, nil }

// Tables lists the tables with their columns, by name.
func (r *Reader) Tables(ctx context.Context, q store.SQL) ([]store.Table, error) {
	return describe(ctx, q)
}

// Schema is the number of the newest migration that was applied.
func (r *Reader) Schema(ctx context.Context, q store.SQL) (int, error) { return schemaNumber(ctx, q) }

// CheckFile looks for damaged pages and indexes that do not fit their tables,
// and gives what SQLite says of each: at most 100 lines.
func (r *Reader) CheckFile(ctx context.Context, q store.SQL) (damage []string, err error) {
	err = q.Query(ctx, `PRAGMA integrity_check(100)`, func(row store.Scanner) error {
		var line string
		err := row.Scan(&line)
		if line != "ok" {
			damage = append(damage, line)
		}
		return err
	})
	return damage, err
}

func (r *Reader) unlock() error {
	if r.lock == nil {
		return nil
	}
	return r.lock.Close()
}

// Close ends the connection and gives the folder free. Closing twice is fine.
func (r *Reader) Close() error {
	err := r.engine.readers.close()
	if unlocked := r.unlock(); !errors.Is(unlocked, fs.ErrClosed) {
		err = errors.Join(err, unlocked)
	}
	return err
}
