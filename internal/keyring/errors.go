package keyring

import "errors"

// Why a keyring file cannot be used. Open and Create put the path in front;
// together they are one sentence for the operator.
var (
	ErrMissing     = errors.New("the keyring is missing; restore it from its own backup, because without it the database cannot be read")
	ErrUnreadable  = errors.New("the keyring cannot be read")
	ErrPermissions = errors.New("the keyring can be read or changed by other users; run chmod 600 on it")
	ErrNewer       = errors.New("the keyring was written by a newer version; upgrade this one")
	ErrDamaged     = errors.New("the keyring is truncated or damaged; restore it from its own backup")
	ErrExists      = errors.New("the keyring exists already and is never overwritten")
	ErrNotWritten  = errors.New("the keyring cannot be written")
)

// Why a keyring does not fit the database (Ring.CheckDatabase).
var (
	ErrWrongInstallation = errors.New("the keyring belongs to another installation than the database; put back the keyring.json that was created with it")
	ErrOutdated          = errors.New("the keyring is older than the database; restore its latest backup, because keys that the database needs are not in it")
)

// Why a sealed field cannot be opened.
var (
	ErrUnknownKey = errors.New("keyring: the field is sealed under a key that is not in the keyring (retired, or of another installation)")
	ErrTampered   = errors.New("keyring: the sealed field is damaged, altered or of another field")
)

// ErrNoRandom is what SignCode, Seal, Create and the rotations return when the
// random reader fails; nothing was made.
var ErrNoRandom = errors.New("keyring: no random bytes")

// Why a rotation is refused.
var (
	ErrChangedOnDisk = errors.New("keyring: the file was changed by another process")
	ErrIndexState    = errors.New("keyring: not possible in this state of the index rotation")
	ErrKeyInUse      = errors.New("keyring: the newest key cannot be retired; rotate first")
	ErrNoSuchKey     = errors.New("keyring: no such key")
	ErrKeysUsedUp    = errors.New("keyring: all 65,535 key numbers are used up")
)
