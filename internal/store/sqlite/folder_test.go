package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanma.dev/yanma/internal/store"
)

// contents reads every file of a folder.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[entry.Name()] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// refused opens a folder that must be refused for a reason, in one sentence,
// with nothing changed.
func refused(t *testing.T, folder string, reason error) {
	t.Helper()
	before := contents(t, folder)
	e, err := Open(context.Background(), testOptions(folder))
	if err == nil {
		t.Fatal(errors.Join(errors.New("opened"), e.Close()))
	}
	if !errors.Is(err, reason) || !strings.Contains(err.Error(), folder) || strings.Contains(err.Error(), "\n") || len(err.Error()) > len(folder)+100 {
		t.Errorf("refused with %q", err)
	}
	after := contents(t, folder)
	delete(after, lockFile)
	delete(before, lockFile)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the folder changed (-before +after):\n%s", diff)
	}
}

func TestFolderInUse(t *testing.T) {
	folder := t.TempDir()
	e := openMigrated(t, testOptions(folder))
	refused(t, folder, ErrInUse)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	openMigrated(t, testOptions(folder))
}

func TestFolderIsMade(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	e := openMigrated(t, testOptions(folder))
	commit(t, e, func(*store.Batch) {}, func(b *store.Batch) { b.Messages.Put(1, store.Message{ID: 1}) })
	for _, name := range []string{databaseFile, databaseFile + "-wal", lockFile} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o, others may read it", name, mode)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, probeFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the probe was left: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, databaseFile+"-wal")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the WAL was left after a clean close: %v", err)
	}
}

func TestForeignFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, databaseFile)
	write := func(data string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("short")
	refused(t, folder, ErrForeign)
	write(strings.Repeat("a text file, not a database at all. ", 300))
	refused(t, folder, ErrForeign)
	// Another product's SQLite database: the same, but for our mark.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	e := openMigrated(t, testOptions(folder))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	data := []byte(contents(t, folder)[databaseFile])
	data[68] ^= 1
	write(string(data))
	refused(t, folder, ErrForeign)
	// An empty file is a new database.
	write("")
	openMigrated(t, testOptions(folder))
}

func TestFormat(t *testing.T) {
	e := openMigrated(t, testOptions(t.TempDir()))
	err := e.View(context.Background(), func(sql store.SQL) error {
		for pragma, want := range map[string]string{"page_size": "4096", "journal_mode": "wal", "synchronous": "1",
			"wal_autocheckpoint": "0", "foreign_keys": "0", "mmap_size": "0"} {
			err := sql.Query(context.Background(), "PRAGMA "+pragma, func(row store.Scanner) error {
				var got string
				err := row.Scan(&got)
				if got != want {
					t.Errorf("%s = %s, want %s", pragma, got, want)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestFolderErrors(t *testing.T) {
	for _, c := range []struct{ cause, reason error }{
		{syscall.ENOSPC, ErrFull}, {syscall.EDQUOT, ErrFull}, {syscall.EROFS, ErrReadOnly}, {syscall.EACCES, ErrReadOnly},
	} {
		err := folderError("folder", &fs.PathError{Op: "open", Path: "folder/lock", Err: c.cause})
		if !errors.Is(err, c.reason) {
			t.Errorf("%v: %v", c.cause, err)
		}
	}
}

func TestUnmigrated(t *testing.T) {
	e, err := Open(context.Background(), testOptions(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Begin(context.Background()); err == nil || !strings.Contains(err.Error(), "schema") {
		t.Errorf("a batch without a schema: %v", err)
	}
	if err := e.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	commit(t, e, func(*store.Batch) {}, func(b *store.Batch) { b.Messages.Put(1, store.Message{ID: 1}) })
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
