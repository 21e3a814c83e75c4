//go:build interop

// Package backup uses the commands backup, restore and fsck of the binary as an
// operator would, beside a server that runs and in place of one.
//
//	yanma dev ─ load ─▶ yanma backup ─▶ file ─▶ yanma restore ─▶ yanma dev: old codes are dead, nothing is sent
//	SQLite ─ stop ─▶ backup --move ─▶ restore --move ─▶ PostgreSQL ─▶ and back: logins, ids, credit go on
//
// fsck looks at every database on the way.
package backup
