// Package rotation changes the keys of an installation while it serves: new
// peppers, field keys, token keys and a new key of the blind index, and the
// retirement of old ones once nothing needs them (requirement row 11).
//
// It owns when a key may go, the job that seals fields anew, and that every
// change of the keyring is bound to the database and has its audit row. It
// never sees a key: those stay in the keyring.
//
//	operator ─▶ Rotate ─┐ in one transaction of the database:
//	            Retire ─┤   needed still? ─▶ refused with what needs it
//	            Reseal ─┘   keyring (its file first) ─▶ its generation, the audit row
//	index    ─▶ account.IndexRotation, which resumes by itself
//	fields   ─▶ reseal: page by page, rows of batches as commands; resumes by itself
//
// An old key is in use for a while after a rotation: a request that began
// before may write with it. So no key retires within the grace time.
package rotation
