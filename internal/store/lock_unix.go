//go:build unix

package store

import (
	"errors"
	"os"
	"syscall"
)

// LockFile takes the lock of a file without waiting. It goes with the process,
// or when the file is closed. ErrLocked: another process has it.
func LockFile(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}
