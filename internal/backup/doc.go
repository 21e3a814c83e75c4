// Package backup writes a database to one file and makes a database of such a
// file, on either engine: a file of one engine can be restored into the other.
//
// It owns the format of the file and what a restore may bring back to life. It
// never holds or writes a key: what is sealed in the database is sealed in the
// file, and a restore is refused without the keyring that belongs to it.
//
//	Write:    source ─ View: one state ─▶ header · rows of every table · footer · SHA-256
//	                                      FILE.new, 0600 ─ fsync ─▶ renamed to FILE
//	Restore:  FILE ─ checksum, versions, keyring ─▶ target.Restore: all or nothing
//	            load      every row as it was, read again and compared
//	            retire    codes die, waiting messages end and are refunded, leases end
//	            index     numbers are found by the keyring's index of today
//	            drift     balances against the rows of the ledger, for the report
//
// What an old copy holds has happened since: its codes were used, its messages
// were sent. Therefore nothing of it may act again (requirement row 47). A move
// is the other case: the source was stopped for good before it was written, and
// everything goes on where it stood (row 42).
package backup
