//go:build linux

package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// mountSmall mounts a file system of some size until the test ends. It needs
// the right to mount; without it the test is skipped by name.
func mountSmall(t *testing.T, size string) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("needs the right to mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return folder
}

// writeBallast takes up room; removing the file gives it back.
func writeBallast(t *testing.T, folder string, size int) string {
	t.Helper()
	path := filepath.Join(folder, "ballast")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReq41_DiskFull fills a real disk under a running store: the WAL can not
// grow. Nothing that was accepted is lost, and it goes on once there is room.
func TestReq41_DiskFull(t *testing.T) {
	folder := mountSmall(t, "6m")
	o := testOptions(filepath.Join(folder, "data"))
	e := openMigrated(t, o)
	e.Start()
	ballast := writeBallast(t, folder, 2<<20)
	b := startBatcher(t, e)
	accepted := fill(t, b)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	goesOn(t, e, b, accepted, accepted+100)
	b.Stop()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again := openMigrated(t, o)
	goesOn(t, again, startBatcher(t, again), accepted, accepted+200)
}

func TestReq41_OpenOnFullDisk(t *testing.T) {
	folder := mountSmall(t, "4m")
	old := filepath.Join(folder, "old")
	e := openMigrated(t, testOptions(old))
	writeMessages(t, e, 1, 3)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	ballast, err := os.Create(filepath.Join(folder, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = ballast.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := ballast.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, old, ErrFull)
	if _, err := Open(context.Background(), testOptions(filepath.Join(folder, "new"))); !errors.Is(err, ErrFull) {
		t.Errorf("a new folder on a full disk: %v", err)
	}
	if err := os.Remove(ballast.Name()); err != nil {
		t.Fatal(err)
	}
	openMigrated(t, testOptions(old))
}

func TestReq41_ReadOnly(t *testing.T) {
	folder := mountSmall(t, "4m")
	e := openMigrated(t, testOptions(folder))
	writeMessages(t, e, 1, 3)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("tmpfs", folder, "tmpfs", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	refused(t, folder, ErrReadOnly)
	remount(0)
	openMigrated(t, testOptions(folder))
}
