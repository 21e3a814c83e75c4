package sqlite

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockExclusively takes the lock without waiting. It goes with the process.
func lockExclusively(f *os.File) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrInUse
	}
	return err
}
