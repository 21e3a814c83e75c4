//go:build !linux && !darwin

package app

// disk is not known here.
func (a *App) disk() (free, size int64, known bool) { return 0, 0, false }
