package keyring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFileSize bounds what is read: a keyring is about 2 KiB.
const maxFileSize = 1 << 20

// disk is the steps of an atomic write, so that tests can fail each of them.
type disk interface {
	read(path string) ([]byte, error)
	remove(path string) error
	writeNew(path string, data []byte) error // mode 0600, fails when the file exists, fsynced
	link(old, new string) error
	rename(old, new string) error
	syncFolder(path string) error
}

// tempPath is where a new file is prepared. It is one fixed name, so that the
// leftover of a crash is swept away by the next write.
func tempPath(path string) string { return path + ".new" }

// replace writes data at path so that at every instant path is either the old
// file or the new one, whole. After an error it may be either.
func replace(d disk, path string, data []byte) error {
	if err := prepare(d, path, data); err != nil {
		return err
	}
	return finish(d, path)
}

// createNew is replace for a path that must not exist yet. The hard link makes
// two processes' first start safe; where there are none, the look must do.
func createNew(d disk, path string, data []byte) error {
	if err := prepare(d, path, data); err != nil {
		return err
	}
	err := d.link(tempPath(path), path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		if _, found := d.read(path); errors.Is(found, fs.ErrNotExist) {
			return finish(d, path)
		}
	}
	if removed := d.remove(tempPath(path)); removed != nil {
		return removed
	}
	if err != nil {
		return ErrExists
	}
	return d.syncFolder(filepath.Dir(path))
}

// prepare leaves the data, on disk, beside path, or nothing.
func prepare(d disk, path string, data []byte) error {
	if err := d.remove(tempPath(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.writeNew(tempPath(path), data); err != nil {
		_ = d.remove(tempPath(path)) // a full disk wants the room back; the next write sweeps in any case
		return err
	}
	return nil
}

// finish puts the prepared file in place.
func finish(d disk, path string) error {
	if err := d.rename(tempPath(path), path); err != nil {
		return err
	}
	return d.syncFolder(filepath.Dir(path))
}

// osDisk is the real one.
type osDisk struct{}

// read takes the whole file, and refuses one that others can read or write.
func (osDisk) read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFileSize {
		return nil, fmt.Errorf("it is no regular file of at most %d bytes", maxFileSize)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, ErrPermissions
	}
	return io.ReadAll(io.LimitReader(f, maxFileSize))
}

func (osDisk) remove(path string) error     { return os.Remove(path) }
func (osDisk) link(old, new string) error   { return os.Link(old, new) }
func (osDisk) rename(old, new string) error { return os.Rename(old, new) }

func (osDisk) writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (osDisk) syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
