package tenant

import (
	"encoding/json"
	"fmt"
	"slices"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// SigningKey is a key that callers sign with: other than a key that they send,
// it must be known in the clear to check what they signed, so it is sealed.
type SigningKey struct {
	ID         int64 // within its app, from 1
	Dialect    Dialect
	Name       string // whose key it is in the dialect: a submail appid
	Key        core.Secret
	Created    store.Time
	ValidUntil store.Time // 0: for ever
}

// Valid tells whether the key counts at now.
func (k SigningKey) Valid(now store.Time) bool { return k.ValidUntil == 0 || k.ValidUntil > now }

// storedKey is a SigningKey before it is sealed.
type storedKey struct {
	ID         int64      `json:"id"`
	Dialect    Dialect    `json:"dialect"`
	Name       string     `json:"name"`
	Key        string     `json:"key"`
	Created    store.Time `json:"created"`
	ValidUntil store.Time `json:"valid_until,omitempty"`
}

// secretsField is the name under which signing keys are sealed.
const secretsField = "app.secrets"

func sealSigning(signing []SigningKey, keys Keys) ([]byte, error) {
	if len(signing) == 0 {
		return nil, nil
	}
	stored := make([]storedKey, len(signing))
	for i, k := range signing {
		stored[i] = storedKey{ID: k.ID, Dialect: k.Dialect, Name: k.Name, Key: k.Key.Reveal(), Created: k.Created, ValidUntil: k.ValidUntil}
	}
	plain, err := json.Marshal(stored)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return keys.Seal(secretsField, plain)
}

func openSigning(sealed []byte, keys Keys) ([]SigningKey, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	plain, err := keys.Open(secretsField, sealed)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	defer clear(plain)
	var stored []storedKey
	if err := json.Unmarshal(plain, &stored); err != nil {
		return nil, fmt.Errorf("signing keys: not readable")
	}
	signing := make([]SigningKey, len(stored))
	for i, k := range stored {
		signing[i] = SigningKey{ID: k.ID, Dialect: k.Dialect, Name: k.Name, Key: core.NewSecret(k.Key), Created: k.Created, ValidUntil: k.ValidUntil}
	}
	return signing, nil
}

// signer is who a name in a dialect is.
type signer struct {
	app  *App
	keys []SigningKey // newest first
}

func signerName(dialect Dialect, name string) string { return string(dialect) + " " + name }

// addSigners puts an app's names into a snapshot.
func (s *snapshot) addSigners(app *App, signing []SigningKey) {
	for _, k := range slices.Backward(signing) {
		name := signerName(k.Dialect, k.Name)
		s.byName[name] = signer{app: app, keys: append(s.byName[name].keys, k)}
	}
}

// AppByName is the app that has a name in a dialect, and the keys it may sign
// with now, newest first: none when all have ended. It is found also when it is
// disabled or may not use the dialect: dialects with names tell these apart
// (contracts/submail.md §3.3).
func (d *Directory) AppByName(dialect Dialect, name string) (app *App, keys []SigningKey, ok bool) {
	found, ok := d.current.Load().byName[signerName(dialect, name)]
	if !ok {
		return nil, nil, false
	}
	now := store.At(d.now())
	for i, k := range found.keys {
		if !k.Valid(now) {
			// Rare: a key ended since the last refresh.
			rest := slices.Clone(found.keys[:i])
			for _, k := range found.keys[i:] {
				if k.Valid(now) {
					rest = append(rest, k)
				}
			}
			return found.app, rest, true
		}
	}
	return found.app, found.keys, true
}

// ListsOrigin tells whether any app lists an origin: a preflight does not say
// whose it is (contracts/README.md §3.3).
func (d *Directory) ListsOrigin(origin string) bool { return d.current.Load().origins[origin] }
