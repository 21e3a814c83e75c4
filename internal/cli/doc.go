// Package cli is the command line: thin commands that read flags, call, and
// print. Each file is one command.
//
// It never changes the database of a running server: serve, dev, migrate and
// restore have it to themselves, backup and fsck only read it; everything else
// asks the server through its operator API, so that every change has its audit
// row.
//
//	args ─kong─▶ command ─┬─▶ config ─▶ app.Open … Stop         serve, dev, migrate, config check
//	                      ├─▶ place ─▶ backup, fsck                 backup, restore, fsck
//	                      └─▶ remote ─▶ operator/client ─HTTP─▶ app, number, keyring, credit …
//	                                        └─▶ table | --json
//
// An error is one sentence on standard error and exit code 1; a command line
// that makes no sense is exit code 2.
package cli
