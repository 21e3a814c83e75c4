//go:build interop && linux

package faults

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	zsqlite "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"yanma.dev/yanma/internal/store/postgres/postgrestest"
	"yanma.dev/yanma/test/process"
)

// smallDisk mounts a file system of some size until the test ends. It needs
// the right to mount, which CI has.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil { // PostgreSQL runs as somebody else
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "mode=755,size="+size); err != nil {
		process.Missing(t, "no right to mount a small file system: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return folder
}

// fillDisk takes up all room but some bytes. The answer gives it back.
func fillDisk(t *testing.T, disk string, leave int64) (release func()) {
	t.Helper()
	ballast, err := os.Create(filepath.Join(disk, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for err == nil {
		var n int
		n, err = ballast.Write(make([]byte, 4096))
		size += int64(n)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := errors.Join(ballast.Truncate(max(0, size-leave)), ballast.Close()); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(ballast.Name()); err != nil {
			t.Error(err)
		}
	}
}

// roomLeft is less than what the database needs for a few thousand codes.
const roomLeft = 256 << 10

// A disk that gets full under the load.
func TestReq41_DiskFull(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		disk := smallDisk(t, "12m")
		fullDisk(t, disk, open(t, place{folder: filepath.Join(disk, "data")}))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		disk := smallDisk(t, "256m")
		cluster := startPostgres(t, postgrestest.Options{Under: disk})
		for range 3 { // segments of the log for the time when there is no room for another
			for _, sql := range []string{"SELECT pg_switch_wal()", "CHECKPOINT"} {
				if err := cluster.Exec(t.Context(), "postgres", sql); err != nil {
					t.Fatal(err)
				}
			}
		}
		fullDisk(t, disk, onPostgres(t, cluster))
	})
}

func fullDisk(t *testing.T, disk string, s *site) {
	t.Helper()
	t.Cleanup(s.Kill) // before the disk goes
	s.logIn()
	release := fillDisk(t, disk, roomLeft)
	s.await("callers are refused", func() bool { s.ask(callers); return len(s.refused) >= callers })
	s.isUnready()
	s.says("the disk of the database is full")
	release()
	s.worksAgain()
	s.verdict(true)
}

// The disk of PostgreSQL's own log gets full: the server ends itself, and is
// started again when there is room.
func TestReq41_LogDiskFull(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "256m")
	cluster := startPostgres(t, postgrestest.Options{Under: disk, Settings: []string{"min_wal_size=32MB", "max_wal_size=48MB", "wal_recycle=off"}})
	s := onPostgres(t, cluster)
	t.Cleanup(s.Kill)
	s.logIn()
	release := fillDisk(t, disk, 0)
	down := func() bool { return cluster.Exec(t.Context(), "postgres", "SELECT pg_switch_wal()") != nil }
	s.await("the log needs room that is not there", func() bool { s.ask(callers); return down() })
	s.await("callers are refused", func() bool { _, ok := s.getCode(); return !ok })
	s.isUnready()
	release()
	if cluster.Exec(t.Context(), "postgres", "SELECT 1") != nil {
		_ = cluster.Halt() // it may have ended itself
		if err := cluster.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.worksAgain()
	s.verdict(false)
}

// A page of the database that something else has written over.
func TestReq41_DamagedPage(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"message", "account", "setting"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			s := open(t, place{folder: dataFolder(t)})
			s.logIn()
			s.ask(callers)
			s.quiet()
			s.stop()
			file := filepath.Join(s.place.folder, "yanma.db")
			whole := read(t, file)
			damaged := bytes.Clone(whole)
			for _, page := range roots(t, file, table) {
				copy(damaged[(page-1)*4096:page*4096], bytes.Repeat([]byte{0xa5}, 4096))
			}
			write(t, file, damaged)
			s.onDamage()
			write(t, file, whole)
			s.start()
			s.worksAgain()
			s.verdict(true)
		})
	}
}

// Every page of a table of PostgreSQL that something else has written over.
func TestReq41_DamagedTable(t *testing.T) {
	t.Parallel()
	cluster := startPostgres(t, postgrestest.Options{})
	s := onPostgres(t, cluster)
	s.logIn()
	s.ask(callers)
	s.quiet()
	file, err := cluster.File(t.Context(), "postgres", "account")
	if err == nil {
		err = cluster.Halt()
	}
	if err != nil {
		t.Fatal(err)
	}
	whole := read(t, file)
	overwrite(t, file, bytes.Repeat([]byte{0xa5}, len(whole)))
	if err := cluster.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := len(s.accepted)
	s.await("a caller is told that the store failed", func() bool {
		_, ok := s.getCode()
		return !ok && strings.Contains(s.Err.String(), "the database is damaged")
	})
	s.isUnready()
	if n := len(s.accepted) - before; n > 0 {
		t.Errorf("%d were accepted on a damaged database", n)
	}
	if err := cluster.Halt(); err != nil {
		t.Fatal(err)
	}
	overwrite(t, file, whole)
	if err := cluster.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.worksAgain()
	s.verdict(true)
}

// overwrite changes what a file holds, not whose it is.
func overwrite(t *testing.T, path string, data []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt(data, 0)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// onDamage: the server refuses to start, or it starts and refuses callers.
func (s *site) onDamage() {
	s.t.Helper()
	p := process.Start(s.t, s.serve())
	defer p.Kill()
	s.await("the server is ready, or gone", func() bool {
		select {
		case <-p.Ended():
			return true
		default:
			return strings.Contains(p.Err.String(), `"yanma: ready"`)
		}
	})
	select {
	case <-p.Ended():
		if code := p.Wait(); code != 1 || !strings.Contains(p.Err.String(), "is damaged") {
			s.t.Errorf("exit code %d:\n%s", code, p.Err)
		}
		return
	default:
	}
	p.Kill()
	s.start()
	defer s.Kill()
	before := len(s.accepted)
	s.ask(callers)
	if n := len(s.accepted) - before; n > 0 {
		s.t.Errorf("%d were accepted on a damaged database", n)
	}
	s.says("the database is damaged")
	s.await("/readyz answers 503", func() bool {
		s.getCode() // where other commands go well, the last one counts
		status, _ := s.get("/readyz")
		return status == http.StatusServiceUnavailable
	})
}

// stop ends the server in order.
func (s *site) stop() {
	s.t.Helper()
	s.Signal(syscall.SIGTERM)
	if code := s.Wait(); code != 0 {
		s.t.Fatalf("exit code %d; the log ends:\n%s", code, s.tail())
	}
}

// roots are the first pages of a table and its indexes.
func roots(t *testing.T, file, table string) (pages []int64) {
	t.Helper()
	db, err := zsqlite.OpenConn(file, zsqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	err = sqlitex.ExecuteTransient(db, "SELECT rootpage FROM sqlite_schema WHERE tbl_name = ? AND rootpage > 0", &sqlitex.ExecOptions{
		Args: []any{table}, ResultFunc: func(row *zsqlite.Stmt) error { pages = append(pages, row.ColumnInt64(0)); return nil }})
	if err = errors.Join(err, db.Close()); err != nil || len(pages) == 0 {
		t.Fatalf("pages of %s: %v, %v", table, pages, err)
	}
	return pages
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	for _, behind := range []string{"-wal", "-shm"} { // of the start on the damaged file
		if err := os.Remove(path + behind); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A log that something else has written into: after a crash the server goes on
// with what was before the damage, whole, and says so.
func TestReq41_DamagedLog(t *testing.T) {
	t.Parallel()
	s := open(t, place{folder: dataFolder(t)})
	s.logIn()
	s.stop()
	s.start() // on an empty log: everything so far is in the database
	s.ask(callers)
	s.Kill()
	log, err := os.OpenFile(filepath.Join(s.place.folder, "yanma.db-wal"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	size, err := log.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = log.WriteAt(bytes.Repeat([]byte{0xa5}, 64), size/2)
	}
	if err := errors.Join(err, log.Close()); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.worksAgain()
	if books := s.ledger(); !books.Balanced || books.Sum != 0 {
		t.Errorf("the ledger does not balance: %+v", books)
	}
}
