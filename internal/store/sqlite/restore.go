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

// Target is a data folder that a database is restored into.
type Target struct{ options Options }

// NewTarget names the folder; Restore makes it if need be.
func NewTarget(o Options) *Target { return &Target{options: o} }

// ErrNotEmpty says that the folder has a database already.
var ErrNotEmpty = errors.New("not empty")

// restoreFolder is where the database is built, inside of the data folder.
const restoreFolder = "restore.new"

// Newest is the number of the newest migration that this program knows.
func (t *Target) Newest() (int, error) {
	migrations, err := embedded()
	if err != nil {
		return 0, err
	}
	return newest(migrations), nil
}

// Tables lists the tables with their columns, by name.
func (t *Target) Tables(ctx context.Context, q store.SQL) ([]store.Table, error) {
	return describe(ctx, q)
}

// Check refuses a folder that has a database; it changes nothing.
func (t *Target) Check(context.Context) error {
	for _, name := range []string{databaseFile, databaseFile + "-wal", databaseFile + "-shm"} {
		_, err := os.Lstat(filepath.Join(t.options.Folder, name))
		switch {
		case err == nil:
			return fmt.Errorf("the data folder %s is %w: it has a %s; restore into another folder, or move it away", t.options.Folder, ErrNotEmpty, name)
		case !errors.Is(err, fs.ErrNotExist):
			return folderError(t.options.Folder, err)
		}
	}
	return nil
}

// Restore makes the database at the schema of a migration, lets load fill it,
// brings it up to date with the migrations that follow, and calls finish. It is
// built aside and appears whole, or not at all. The errors are one sentence
// around ErrNotEmpty, ErrInUse, ErrReadOnly or ErrFull, or those of the two.
func (t *Target) Restore(ctx context.Context, schema int, load, finish func(store.SQL) error) (err error) {
	folder := t.options.Folder
	lock, err := claimFolder(folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := t.Check(ctx); err != nil {
		return err
	}
	aside := filepath.Join(folder, restoreFolder)
	if err := os.RemoveAll(aside); err != nil { // of a restore that was killed
		return folderError(folder, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	if err := t.build(ctx, aside, schema, load, finish); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(aside, databaseFile), filepath.Join(folder, databaseFile)); err != nil {
		return folderError(folder, err)
	}
	return syncFolder(folder)
}

// build makes the database in a folder of its own. Closing it moves the WAL
// into the file and removes it.
func (t *Target) build(ctx context.Context, folder string, schema int, load, finish func(store.SQL) error) error {
	o := t.options
	o.Folder = folder
	e, err := Open(ctx, o)
	if err != nil {
		return err
	}
	err = e.migrateTo(ctx, schema)
	if err == nil {
		err = e.Update(ctx, load)
	}
	if err == nil {
		err = e.Migrate(ctx)
	}
	if err == nil {
		err = e.Update(ctx, finish)
	}
	return errors.Join(err, e.Close())
}

// migrateTo applies the migrations up to a number.
func (e *Engine) migrateTo(ctx context.Context, number int) error {
	c, err := e.writer.take(ctx)
	if err != nil {
		return err
	}
	defer e.writer.put(c)
	for _, m := range e.migrations {
		if m.Number <= number {
			if err := e.apply(ctx, c, m); err != nil {
				return fmt.Errorf("sqlite: migration %s: %w", m, err)
			}
		}
	}
	return nil
}

// syncFolder puts a renaming on disk.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
