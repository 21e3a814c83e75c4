package backup

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/sqlite"
)

// TestDamagedFiles: whatever byte of a backup is flipped, and wherever it ends
// too soon, it is refused in one sentence.
func TestDamagedFiles(t *testing.T) {
	d, _ := filled(t, engines[0].make)
	whole, err := os.ReadFile(write(t, d, false))
	ok(t, err)
	path := filepath.Join(t.TempDir(), "bad.bak")
	refused := func(data []byte, what string, at int) {
		t.Helper()
		ok(t, os.WriteFile(path, data, 0o600))
		f, err := Open(path)
		if err == nil {
			_ = f.Close()
		}
		if want := map[bool]error{true: ErrNoBackup, false: ErrDamaged}[at < len(magic)]; !errors.Is(err, want) || !oneSentence(err, path) {
			t.Errorf("%s at %d: %v", what, at, err)
		}
	}
	for at := range whole {
		if at > 200 && at < len(whole)-200 && at%31 != 0 {
			continue
		}
		damaged := append([]byte(nil), whole...)
		damaged[at] ^= 1
		refused(damaged, "a flipped byte", at)
		refused(whole[:at], "cut", at)
	}
	refused(append(append([]byte(nil), whole...), 0), "more", len(whole))
	ok(t, os.WriteFile(path, whole, 0o600))
	f, err := Open(path)
	ok(t, err)
	ok(t, f.Close())
	if _, err := Open(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// oneSentence tells whether an error is one line that begins with the file.
func oneSentence(err error, start string) bool {
	return err != nil && strings.HasPrefix(err.Error(), start) && !strings.Contains(err.Error(), "\n")
}

// rewrite changes the header of a file, and the format's number, and makes the
// checksum fit.
func rewrite(t *testing.T, path string, version byte, edit func(*Header)) string {
	t.Helper()
	data, err := os.ReadFile(path)
	ok(t, err)
	size := binary.BigEndian.Uint32(data[headStart-4:])
	rest := data[headStart+int(size) : len(data)-sumSize]
	var head Header
	ok(t, json.Unmarshal(data[headStart:headStart+int(size)], &head))
	edit(&head)
	text, err := json.Marshal(head)
	ok(t, err)
	data = append([]byte(magic), 0, 0, 0, version)
	data = binary.BigEndian.AppendUint32(data, uint32(len(text)))
	data = append(append(data, text...), rest...)
	sum := sha256.Sum256(data)
	path = filepath.Join(t.TempDir(), "changed.bak")
	ok(t, os.WriteFile(path, append(data, sum[:]...), 0o600))
	return path
}

// TestNewerVersions: a later format, or a later schema, is told as such.
func TestNewerVersions(t *testing.T) {
	d, w := filled(t, engines[0].make)
	path := write(t, d, false)
	later := rewrite(t, path, format+1, func(*Header) {})
	if _, err := Open(later); !errors.Is(err, ErrNewer) || !oneSentence(err, later) {
		t.Errorf("a newer format: %v", err)
	}
	for _, e := range engines {
		to := e.make(t)
		_, err := restore(t, rewrite(t, path, format, func(h *Header) { h.Schema = 9000 }), to, w.Ring, false)
		if !errors.Is(err, ErrSchema) || !oneSentence(err, "the backup (schema 9000, from Yanma v1) has a newer schema") {
			t.Errorf("%s: a newer schema: %v", e.name, err)
		}
		empty(t, to)
	}
}

// empty says that there is no database and nothing that could become one.
func empty(t *testing.T, d database) {
	t.Helper()
	ok(t, d.target(t).Check(t.Context()))
	if d.url != "" {
		return
	}
	left, err := os.ReadDir(d.folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, f := range left {
		if f.Name() != "lock" {
			t.Errorf("%s was left behind", f.Name())
		}
	}
}

// TestKeyringThatDoesNotBelong: without the keyring of its time a backup is
// refused before anything is made.
func TestKeyringThatDoesNotBelong(t *testing.T) {
	d, w := filled(t, engines[0].make)
	path := write(t, d, false)
	folder := t.TempDir()
	retired := func() (*keyring.Ring, error) { // rotated since, and the old field key is gone
		if err := w.Ring.RotateFieldKey(); err != nil {
			return nil, err
		}
		return w.Ring, w.Ring.RetireFieldKeys(1)
	}
	for _, c := range []struct {
		name string
		ring func() (*keyring.Ring, error)
		want error
	}{
		{"missing", func() (*keyring.Ring, error) { return keyring.Open(filepath.Join(folder, "keyring.json"), rand.Reader) }, keyring.ErrMissing},
		{"of another installation", func() (*keyring.Ring, error) { return newRing(t), nil }, keyring.ErrWrongInstallation},
		{"without a key", retired, ErrKey},
	} {
		to := engines[0].make(t)
		f, err := Open(path)
		ok(t, err)
		_, err = Restore(t.Context(), RestoreOptions{File: f, Target: to.target(t), Ring: c.ring, Now: now})
		ok(t, f.Close())
		if !errors.Is(err, c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := os.Stat(to.folder); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the folder was made: %v", c.name, err)
		}
	}
	older := rewrite(t, path, format, func(h *Header) { h.Generation = 1000 })
	if _, err := restore(t, older, engines[0].make(t), w.Ring, false); !errors.Is(err, keyring.ErrOutdated) {
		t.Errorf("an older keyring: %v", err)
	}
}

// TestTargetIsNotEmpty: a place with a database, or one in use, stays as it is.
func TestTargetIsNotEmpty(t *testing.T) {
	d, w := filled(t, engines[0].make)
	path := write(t, d, false)
	for _, e := range engines {
		other, _ := filled(t, e.make)
		before := write(t, other, false)
		_, err := restore(t, path, other, w.Ring, false)
		if !errors.Is(err, sqlite.ErrNotEmpty) && !errors.Is(err, postgres.ErrNotEmpty) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", e.name, err)
		}
		same(t, before, write(t, other, false))
	}
	log := database{folder: t.TempDir()}
	ok(t, os.WriteFile(filepath.Join(log.folder, "yanma.db-wal"), []byte("left"), 0o600))
	if _, err := restore(t, path, log, w.Ring, false); !errors.Is(err, sqlite.ErrNotEmpty) {
		t.Errorf("the log of a lost database: %v", err)
	}
	busy := engines[0].make(t)
	e := busy.open(t)
	ok(t, os.Rename(filepath.Join(busy.folder, "yanma.db"), filepath.Join(t.TempDir(), "away")))
	for _, name := range []string{"yanma.db-wal", "yanma.db-shm"} {
		ok(t, os.Remove(filepath.Join(busy.folder, name)))
	}
	if _, err := restore(t, path, busy, w.Ring, false); !errors.Is(err, sqlite.ErrInUse) {
		t.Errorf("a folder in use: %v", err)
	}
	_ = e.Close()
}

// same compares two backups of a database.
func same(t *testing.T, a, b string, but ...string) {
	t.Helper()
	one, err := Open(a)
	ok(t, err)
	defer func() { ok(t, one.Close()) }()
	two, err := Open(b)
	ok(t, err)
	defer func() { ok(t, two.Close()) }()
	if len(one.Header.Tables) != len(two.Header.Tables) {
		t.Fatalf("%d tables and %d", len(one.Header.Tables), len(two.Header.Tables))
	}
	for i, table := range one.Header.Tables {
		if strings.Contains(strings.Join(but, " "), table.Name) {
			continue
		}
		if other := two.Header.Tables[i]; table.Name != other.Name || table.Rows != other.Rows || one.Footer.Sums[table.Name] != two.Footer.Sums[table.Name] {
			t.Errorf("table %s: %d rows %s, and %d rows %s", table.Name, table.Rows, one.Footer.Sums[table.Name], other.Rows, two.Footer.Sums[table.Name])
		}
	}
}

// failing is a target whose database fails at the end of the work.
type failing struct{ Target }

var errDisk = errors.New("the disk is gone")

func (f failing) Restore(ctx context.Context, schema int, load, finish func(store.SQL) error) error {
	return f.Target.Restore(ctx, schema, load, func(q store.SQL) error { return errors.Join(finish(q), errDisk) })
}

// TestRestoreThatFailsLeavesNothing: all or nothing, and what a killed one left
// is swept by the next.
func TestRestoreThatFailsLeavesNothing(t *testing.T) {
	d, w := filled(t, engines[0].make)
	path := write(t, d, false)
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			to := e.make(t)
			f, err := Open(path)
			ok(t, err)
			defer func() { ok(t, f.Close()) }()
			_, err = Restore(t.Context(), RestoreOptions{File: f, Target: failing{to.target(t)}, Ring: func() (*keyring.Ring, error) { return w.Ring, nil }, Now: now})
			if !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			empty(t, to)
			if to.url == "" {
				ok(t, os.Mkdir(filepath.Join(to.folder, "restore.new"), 0o700))
				ok(t, os.WriteFile(filepath.Join(to.folder, "restore.new", "yanma.db"), []byte("half"), 0o600))
			}
			_, err = restore(t, path, to, w.Ring, false)
			ok(t, err)
			clean(t, to.open(t), w)
		})
	}
}

// broken is a source that fails in the middle.
type broken struct{ Source }

func (b broken) View(ctx context.Context, f func(store.SQL) error) error {
	return b.Source.View(ctx, func(q store.SQL) error { return f(cut{q}) })
}

type cut struct{ store.SQL }

func (c cut) Query(ctx context.Context, sql string, row func(store.Scanner) error, args ...any) error {
	if strings.Contains(sql, "FROM message ORDER BY") {
		return errDisk
	}
	return c.SQL.Query(ctx, sql, row, args...)
}

// TestBackupIsThereWholeOrNot: nothing is left of one that fails, an older file
// is never replaced, and the file is its owner's.
func TestBackupIsThereWholeOrNot(t *testing.T) {
	d, _ := filled(t, engines[0].make)
	folder := t.TempDir()
	path := filepath.Join(folder, "file.bak")
	_, _, err := Write(t.Context(), WriteOptions{Source: broken{d.source(t, false)}, Path: path, Now: start})
	if !errors.Is(err, errDisk) {
		t.Errorf("a source that breaks: %v", err)
	}
	left, err := os.ReadDir(folder)
	ok(t, err)
	if len(left) != 0 {
		t.Errorf("%s was left behind", left[0].Name())
	}
	ok(t, os.WriteFile(path+".new", []byte("of one that was killed"), 0o644))
	_, _, err = Write(t.Context(), WriteOptions{Source: d.source(t, false), Path: path, Now: start})
	ok(t, err)
	info, err := os.Stat(path)
	ok(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	_, _, err = Write(t.Context(), WriteOptions{Source: d.source(t, false), Path: path, Now: start})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that exists: %v", err)
	}
	if _, _, err := Write(t.Context(), WriteOptions{Source: d.source(t, false), Path: filepath.Join(folder, "none", "file"), Now: start}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

// TestMoveWantsAStoppedServer: at the backup, and of the backup.
func TestMoveWantsAStoppedServer(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			d, w := filled(t, e.make)
			if _, err := restore(t, write(t, d, false), engines[0].make(t), w.Ring, true); !errors.Is(err, ErrNotMove) {
				t.Errorf("a backup of a server at work: %v", err)
			}
			running := d.open(t)
			number(t, running, "SELECT COUNT(*) FROM users")
			if d.url == "" {
				if _, err := sqlite.OpenReader(t.Context(), d.sqlite(), true); !errors.Is(err, sqlite.ErrInUse) {
					t.Errorf("a folder in use: %v", err)
				}
				return
			}
			_, _, err := Write(t.Context(), WriteOptions{Source: d.source(t, true), Path: filepath.Join(t.TempDir(), "file"), Now: start, Move: true})
			if !errors.Is(err, ErrServing) {
				t.Errorf("another session: %v", err)
			}
		})
	}
}
