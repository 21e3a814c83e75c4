// Package keyring owns every long-lived symmetric secret of an installation:
// code peppers, field encryption keys, blind-index keys, token hash keys, the
// id permutation key and the limit key, and their rotation. They live in one
// JSON file outside the database and outside its backups, so that neither a
// stolen database nor a stolen backup holds a code, a number or a token that
// can be read or guessed offline (requirement rows 8, 11, 12).
//
// It never stores what it seals, never decides a rule, never logs, and puts no
// key, code or number into an error.
//
//	                   ┌ Index, IndexLabel ──▶ what rows are found by
//	use-cases ─▶ Ring ─┼ Seal, Open ─────────▶ what fields hold
//	                   ├ SignCode, CheckCode ▶ what a code's row holds
//	                   ├ TokenHashes, Alias ─▶ credentials and public ids
//	                   └ PhoneBase, LimitMix ▶ subjects of counters
//	reads:     atomic snapshot, no lock
//	rotations: lock ─▶ edit a copy ─▶ write temp, fsync, rename, fsync folder ─▶ swap the snapshot
//
// Rotation. Code, field and token keys: the first one signs or encrypts, all
// verify or decrypt, and an old one is retired when nothing depends on it any
// more. The blind index is apart, because its value is a unique key of rows:
// see IndexState. Two keys never rotate: the id key, because customers hold
// the ids that it made (see Ring.Alias), and the limit key, because a new one
// would forget every counter.
//
// A rotation that returned an error has not taken effect in this process. The
// file may hold the new state all the same (the disk failed after the rename);
// both states are complete, and the next start takes the one on disk.
//
// Every process of an installation needs the same file. The file has a
// generation number. A process takes over what another one made of it (Reload):
// when it is told to, and when it meets a value under a key that it does not
// know. It refuses to rotate when the file was changed since it was read, and
// Ring.CheckDatabase refuses a file older than the database.
//
// Another suite of algorithms (requirement row 13) enters as another alg of a
// key and another version byte of sealed fields; both are written already.
package keyring
