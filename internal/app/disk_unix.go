//go:build linux || darwin

package app

import "syscall"

// disk is how much room the data folder's disk has.
func (a *App) disk() (free, size int64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(a.config.Store.Data, &s); err != nil {
		return 0, 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize), true //nolint:unconvert // types differ by system
}
