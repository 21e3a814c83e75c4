package keyring

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

// Reload takes over a file that another process rotated, and tells whether
// anything is new. Errors, after which the process keeps the keys it had: those
// of Open, ErrWrongInstallation, ErrOutdated for a file from before a rotation
// that this process knows, ErrChangedOnDisk for one that was rotated apart.
func (r *Ring) Reload() (changed bool, err error) {
	r.rotating.Lock()
	defer r.rotating.Unlock()
	data, err := readFile(r.disk, r.path)
	if err != nil {
		return false, err
	}
	sum, now := sha256.Sum256(data), r.current.Load().contents
	found, err := decode(data)
	switch {
	case err != nil:
		return false, fmt.Errorf("%s: %w", r.path, err)
	case found.Installation != now.Installation:
		return false, fmt.Errorf("%s: %w", r.path, ErrWrongInstallation)
	case found.Generation < now.Generation:
		return false, fmt.Errorf("%s: %w", r.path, ErrOutdated)
	case found.Generation == now.Generation && !slices.Contains(r.onDisk, sum):
		return false, ErrChangedOnDisk
	case found.Generation == now.Generation:
		return false, nil
	}
	s, err := newSnapshot(found)
	if err != nil {
		return false, err
	}
	r.onDisk = [][sha256.Size]byte{sum}
	r.current.Store(s)
	return true, nil
}

// lookAgain is for a value under a key that is not here: another process may
// have made the key a moment ago, in the same file.
func (r *Ring) lookAgain() bool {
	changed, err := r.Reload()
	return changed && err == nil
}
