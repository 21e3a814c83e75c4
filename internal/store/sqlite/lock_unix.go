//go:build unix

package sqlite

import (
	"errors"
	"os"
	"syscall"
)

// lockExclusively takes the lock without waiting. It goes with the process.
func lockExclusively(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrInUse
	}
	return err
}
