package sqlite

import (
	"errors"
	"os"
	"syscall"
)

// syncData waits until the file's bytes are on disk. The times of the file are
// left out, which would cost a commit of the file system's journal.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
