//go:build interop

// Package upgrade opens databases and backups of every schema that was ever
// released, brings them up to date and looks through them.
//
//	testdata/NNNN  sqlite.sql · postgres.sql · yanma.bak · keyring.json
//	     │ a database as the release left it           │ restored
//	     └─▶ Open ─ Migrate ─▶ fsck · a user is found · a live code is right · credit
//
// NNNN is the newest migration of the release. Its folder is made once, by the
// release, and never changed:
//
//	go run ./test/upgrade/dump
package upgrade
