package keyring

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Ring is an open keyring. All its methods may be called at the same time;
// those that are not rotations take no lock. It prints as its installation.
type Ring struct {
	path   string
	random io.Reader
	disk   disk

	current atomic.Pointer[snapshot]

	rotating sync.Mutex
	onDisk   [][sha256.Size]byte // under rotating: sums of the files that this process may have on disk
}

// snapshot is the keys of one generation, ready for use. It never changes.
type snapshot struct {
	contents contents
	codes    []*macKey // newest first, here and below
	fields   []*fieldKey
	tokens   []*macKey
	captcha  []captchaKey
	index    indexKeys
	aliases  aliasKeys
	limit    limitKey
}

// Create makes a new keyring with fresh keys and a fresh installation id. It
// never overwrites: an existing file is ErrExists; ErrNotWritten says why the
// disk refused. The folder must exist. The random reader must be cryptographic
// and safe for concurrent use, such as crypto/rand.Reader: SignCode, Seal and
// the rotations go on reading it.
func Create(path string, random io.Reader, now time.Time) (*Ring, error) {
	return create(osDisk{}, path, random, now)
}

// Open reads an existing keyring. Its errors are ErrMissing, ErrUnreadable,
// ErrPermissions (group or others have any right), ErrNewer and ErrDamaged,
// each with the path in front. About random see Create.
func Open(path string, random io.Reader) (*Ring, error) {
	return open(osDisk{}, path, random)
}

func create(d disk, path string, random io.Reader, now time.Time) (*Ring, error) {
	c, err := newContents(random, now)
	if err != nil {
		return nil, err
	}
	data, err := c.encode()
	if err != nil {
		return nil, err
	}
	switch err := createNew(d, path, data); {
	case errors.Is(err, ErrExists):
		return nil, fmt.Errorf("%s: %w", path, ErrExists)
	case err != nil:
		return nil, fmt.Errorf("%s: %w: %w", path, ErrNotWritten, withoutPath(err))
	}
	return open(d, path, random)
}

func open(d disk, path string, random io.Reader) (*Ring, error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a rotation replaces the file, not the link to it
	}
	data, err := readFile(d, path)
	if err != nil {
		return nil, err
	}
	c, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s, err := newSnapshot(c)
	if err != nil {
		return nil, err
	}
	r := &Ring{path: path, random: random, disk: d, onDisk: [][sha256.Size]byte{sha256.Sum256(data)}}
	r.current.Store(s)
	return r, nil
}

func readFile(d disk, path string) ([]byte, error) {
	data, err := d.read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", path, ErrMissing)
	case errors.Is(err, ErrPermissions):
		return nil, fmt.Errorf("%s: %w", path, ErrPermissions)
	case err != nil:
		return nil, fmt.Errorf("%s: %w: %w", path, ErrUnreadable, withoutPath(err))
	}
	return data, nil
}

// withoutPath drops the path that file errors repeat: the sentence has it.
func withoutPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}

func newSnapshot(c contents) (*snapshot, error) {
	fields, err := newFieldKeys(c.FieldKeys)
	if err != nil {
		return nil, err
	}
	aliases, err := newAliasKeys(c.IDKey)
	if err != nil {
		return nil, err
	}
	limit, err := newLimitKey(c.LimitKey)
	if err != nil {
		return nil, err
	}
	tokens := newMACKeys(c.TokenKeys)
	captcha, err := newCaptchaKeys(c.TokenKeys, tokens)
	if err != nil {
		return nil, err
	}
	return &snapshot{
		contents: c,
		codes:    newMACKeys(c.CodeKeys),
		fields:   fields,
		tokens:   tokens,
		captcha:  captcha,
		index:    newIndexKeys(c.Index),
		aliases:  aliases,
		limit:    limit,
	}, nil
}

// InstallationID is 26 characters that were drawn when the keyring was
// created. The database stores the same, so that a wrong keyring is found at
// the start and not by unreadable rows.
func (r *Ring) InstallationID() string { return r.current.Load().contents.Installation }

// Generation counts the changes of the keyring, from 1. A database that stores
// the highest generation it has seen can tell that an old backup of the
// keyring was put back (see CheckDatabase).
func (r *Ring) Generation() uint64 { return r.current.Load().contents.Generation }

// CheckDatabase compares the keyring with what the database has stored of it:
// ErrWrongInstallation for another id, ErrOutdated when the database has seen
// a later generation. Generation 0 means that the database stores none.
func (r *Ring) CheckDatabase(installation string, generation uint64) error {
	c := r.current.Load().contents
	if installation != c.Installation {
		return fmt.Errorf("%s: %w", r.path, ErrWrongInstallation)
	}
	if generation > c.Generation {
		return fmt.Errorf("%s: %w", r.path, ErrOutdated)
	}
	return nil
}

// String says which installation the keyring is of, and nothing else.
func (r *Ring) String() string { return "keyring(" + r.InstallationID() + ")" }

// Format prints String under every verb: no verb shows a key.
func (r *Ring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue logs String.
func (r *Ring) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON writes String.
func (r *Ring) MarshalJSON() ([]byte, error) { return json.Marshal(r.String()) }
