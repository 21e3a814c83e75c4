// Package cli is the command line: thin commands that read flags, call, and
// print. Each file is one command.
//
// It never opens the database of a running server: serve, dev, migrate and
// config check run in this process; everything else asks the server through
// its operator API, so that every change has its audit row.
//
//	args ─kong─▶ command ─┬─▶ config ─▶ app.Open … Stop         serve, dev, migrate, config check
//	                      └─▶ remote ─▶ operator/client ─HTTP─▶ app, number, keyring, credit …
//	                                        └─▶ table | --json
//
// An error is one sentence on standard error and exit code 1; a command line
// that makes no sense is exit code 2.
package cli
