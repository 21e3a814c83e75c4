package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"yanma.dev/yanma/internal/store"
)

const (
	databaseFile = "yanma.db"
	lockFile     = "lock"
	probeFile    = ".probe"
)

// applicationID marks our files: "YnmA" in the header, where file(1) and
// PRAGMA application_id find it.
const applicationID = 0x596e6d41

// claimFolder makes the folder if need be, locks it and checks that there is
// room to work in. The returned file holds the lock until it is closed.
func claimFolder(folder string) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, folderError(folder, err)
	}
	lock, err := os.OpenFile(filepath.Join(folder, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, folderError(folder, err)
	}
	err = store.LockFile(lock)
	if errors.Is(err, store.ErrLocked) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the data folder %s is %w", folder, err), lock.Close())
	}
	if err := probe(folder); err != nil {
		return nil, errors.Join(folderError(folder, err), lock.Close())
	}
	return lock, nil
}

// probeSize is what an engine needs to start: the WAL index and a few pages.
const probeSize = 256 << 10

// probe finds out whether the folder can be written and has room, before
// anything in it is touched.
func probe(folder string) error {
	path := filepath.Join(folder, probeFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, probeSize))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(path))
}

// folderError says in one sentence what is wrong with the folder.
func folderError(folder string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk of the data folder %s is %w", folder, ErrFull)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the data folder %s is %w", folder, ErrReadOnly)
	}
	return fmt.Errorf("the data folder %s cannot be used: %w", folder, err)
}

// inspect tells whether the database file is new (missing or empty), and
// refuses one that is not ours or cannot be written. It only reads.
func inspect(path string) (isNew bool, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return false, fmt.Errorf("the database %s is %w", path, ErrReadOnly)
	case err != nil:
		return false, fmt.Errorf("the database %s cannot be opened: %w", path, err)
	}
	// The header of the file format: 16 bytes of magic, the application id at 68.
	var header [72]byte
	_, err = io.ReadFull(f, header[:])
	if closed := f.Close(); err == nil {
		err = closed
	}
	switch {
	case errors.Is(err, io.EOF):
		return true, nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return false, fmt.Errorf("the file %s is %w", path, ErrForeign)
	case err != nil:
		return false, fmt.Errorf("the database %s cannot be read: %w", path, err)
	}
	if string(header[:16]) != "SQLite format 3\x00" || binary.BigEndian.Uint32(header[68:]) != applicationID {
		return false, fmt.Errorf("the file %s is %w", path, ErrForeign)
	}
	return false, nil
}
