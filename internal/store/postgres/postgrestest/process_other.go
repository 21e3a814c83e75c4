//go:build unix && !linux

package postgrestest

import "syscall"

// endWithParent is left to Cluster.Stop where the system cannot do it.
func endWithParent(*syscall.SysProcAttr) {}
