package oauth

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// KeyField is the name under which private keys are sealed.
const KeyField = "signing_key.private_key"

// InstallationKeys is the app of the keys that belong to no app: those of the
// open API's issuer.
const InstallationKeys core.AppID = 0

const (
	keyBits    = 2048
	keysReread = 5 * time.Second  // how long a change of another node stays unseen
	publishFor = 10 * time.Second // before a new key of the installation signs: every node has it by then
	appPublish = 10 * time.Minute // … of an app: verifiers have it by then (contracts/oneaccess.md §9)
	keysLast   = 5 * time.Minute  // how long the keys that were read serve while the database is away
	shortest   = time.Hour        // how long a replaced key is published at least: longer than an id token lives
)

// Database is the part of an engine that Keys need.
type Database interface {
	View(ctx context.Context, f func(store.SQL) error) error
	Update(ctx context.Context, f func(store.SQL) error) error
}

// FieldSealer seals private keys (keyring.Ring).
type FieldSealer interface {
	Seal(field string, plaintext []byte) ([]byte, error)
	Open(field string, sealed []byte) ([]byte, error)
}

// Keys are the RSA keys that sign id tokens: one set for the installation, and
// one for each app that needs its own.
type Keys struct {
	database Database
	sealer   FieldSealer
	now      func() time.Time
	random   io.Reader

	mu   sync.Mutex // also held while a first key is made: one is enough
	sets map[core.AppID]keySet

	published publisher
}

// keySet is what was read of one app.
type keySet struct {
	read time.Time
	keys []openedKey // the newest last
}

// openedKey is a key in memory.
type openedKey struct {
	signer  *jwt.Signer
	private crypto.Signer
	created time.Time
}

// signers are the published keys.
func (s keySet) signers() []*jwt.Signer {
	all := make([]*jwt.Signer, len(s.keys))
	for i, key := range s.keys {
		all[i] = key.signer
	}
	return all
}

// publishTime is how long a key is published before it signs.
func publishTime(app core.AppID) time.Duration {
	if app == InstallationKeys {
		return publishFor
	}
	return appPublish
}

// NewKeys returns the keys of a database. random is cryptographic.
func NewKeys(database Database, sealer FieldSealer, now func() time.Time, random io.Reader) *Keys {
	return &Keys{database: database, sealer: sealer, now: now, random: random, sets: map[core.AppID]keySet{}}
}

// Signer is the key that signs now; the first one is made when it is asked for.
func (k *Keys) Signer(ctx context.Context, app core.AppID) (*jwt.Signer, error) {
	key, err := k.current(ctx, app)
	return key.signer, err
}

// current is the newest key that was published for long enough; the oldest one
// where none was.
func (k *Keys) current(ctx context.Context, app core.AppID) (openedKey, error) {
	set, err := k.set(ctx, app)
	if err != nil {
		return openedKey{}, err
	}
	at, now := len(set.keys)-1, k.now()
	for at > 0 && now.Sub(set.keys[at].created) < publishTime(app) {
		at--
	}
	return set.keys[at], nil
}

// Public is the published keys: the one that signs, and those that tokens in
// circulation may be signed with.
func (k *Keys) Public(ctx context.Context, app core.AppID) (jwt.KeySet, error) {
	set, err := k.set(ctx, app)
	return jwt.PublicKeys(set.signers()...), err
}

// Rotate makes a new key, which signs once verifiers can have read it: in ten
// seconds, of an app in ten minutes. The old one signs until then, and is
// published for overlap after that, an hour at least. It returns the new key's
// kid.
func (k *Keys) Rotate(ctx context.Context, app core.AppID, overlap time.Duration) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	signer, err := k.add(ctx, app, max(overlap, shortest)+publishTime(app))
	if err != nil {
		return "", err
	}
	delete(k.sets, app)
	k.published.drop()
	return signer.KeyID(), nil
}

func (k *Keys) set(ctx context.Context, app core.AppID) (keySet, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	held, ok := k.sets[app]
	if ok && k.now().Sub(held.read) < keysReread {
		return held, nil
	}
	set, err := k.load(ctx, app)
	if err != nil && ok && k.now().Sub(held.read) < keysLast {
		return held, nil // a login that is on disk gets its tokens
	}
	if err == nil && len(set.keys) == 0 {
		// Another node may be faster: then its key is read.
		if _, err = k.add(ctx, app, shortest); err == nil || errors.Is(err, store.ErrUnique) {
			set, err = k.load(ctx, app)
		}
	}
	if err == nil && len(set.keys) == 0 {
		err = core.E(core.KindInternal, "there is no signing key")
	}
	if err == nil {
		k.sets[app] = set
	}
	return set, err
}

func (k *Keys) load(ctx context.Context, app core.AppID) (keySet, error) {
	now := k.now()
	set := keySet{read: now}
	err := k.database.View(ctx, func(q store.SQL) error {
		set.keys = nil
		rows, err := records.SigningKeys(ctx, q, app, store.At(now))
		for _, row := range rows {
			private, err := openPrivate(k.sealer, row.Private)
			if err != nil {
				return err
			}
			signer, err := jwt.NewSigner(row.KeyID, private)
			if err != nil {
				return err
			}
			set.keys = append(set.keys, openedKey{signer: signer, private: private, created: row.Created.Time()})
		}
		return err
	})
	return set, err
}

// add makes a key and writes it.
func (k *Keys) add(ctx context.Context, app core.AppID, overlap time.Duration) (*jwt.Signer, error) {
	key, err := rsa.GenerateKey(k.random, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	kid := "" // the key's thumbprint
	if app != InstallationKeys {
		if kid, err = drawKid(k.random); err != nil {
			return nil, err
		}
	}
	signer, err := jwt.NewSigner(kid, key)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	sealed, err := k.sealer.Seal(KeyField, der)
	if err != nil {
		return nil, err
	}
	now := store.At(k.now())
	row := records.SigningKey{App: app, KeyID: signer.KeyID(), Private: sealed, Created: now}
	return signer, k.database.Update(ctx, func(q store.SQL) error { return records.InsertSigningKey(ctx, q, row, now.Add(overlap)) })
}

func openKey(sealer FieldSealer, kid string, sealed []byte) (*jwt.Signer, error) {
	signer, err := openPrivate(sealer, sealed)
	if err != nil {
		return nil, err
	}
	return jwt.NewSigner(kid, signer)
}

func openPrivate(sealer FieldSealer, sealed []byte) (crypto.Signer, error) {
	der, err := sealer.Open(KeyField, sealed)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	defer clear(der)
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("signing key: it can not be read")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("signing key: it does not sign")
	}
	return signer, nil
}

// CheckSealed tells whether a signing key can be opened, for fsck.
func CheckSealed(sealer FieldSealer, sealed []byte) error {
	_, err := openKey(sealer, "checked", sealed)
	return err
}

// Issue signs an id token: the registered claims with what claims add. It lives
// for life.
func (k *Keys) Issue(ctx context.Context, app core.AppID, issuer, subject, audience string, life time.Duration, claims map[string]any) (string, error) {
	signer, err := k.Signer(ctx, app)
	if err != nil {
		return "", err
	}
	now := k.now().Unix()
	all := map[string]any{"iss": issuer, "sub": subject, "aud": audience, "iat": now, "exp": now + int64(life/time.Second)}
	for name, value := range claims {
		if _, taken := all[name]; !taken {
			all[name] = value
		}
	}
	return signer.Sign("JWT", all)
}
