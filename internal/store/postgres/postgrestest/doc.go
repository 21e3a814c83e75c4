// Package postgrestest starts a throw-away PostgreSQL server for tests.
//
// It owns the server's folder, port and process, and nothing of what is tested:
// it knows no schema.
//
//	Main ─ Start: initdb in a temporary folder ─ postgres on a free loopback port
//	     ─ the tests: Cluster.Create a database each
//	     ─ Stop: by its process id; folder removed
//
// PostgreSQL refuses to run as root: then the server runs as the user postgres,
// or nobody. Where no PostgreSQL is installed tests are skipped by name, and
// fail when CI=true.
package postgrestest
