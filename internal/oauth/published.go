package oauth

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"io"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// publisher remembers what was read for key sets of several apps.
type publisher struct {
	mu     sync.Mutex
	read   time.Time
	rows   []records.SigningKey
	opened map[int64]*jwt.Signer // by the row's id: a row's key never changes
}

// Published is the public halves of the keys that tokens of apps in circulation
// may be signed with. It makes none. With common, keys that were issued elsewhere
// are left out: where the apps are of several tenants, who has the private half of
// one could sign for another's client. Another node's change is seen after 5 s.
func (k *Keys) Published(ctx context.Context, apps []core.AppID, common bool) (jwt.KeySet, error) {
	asked := make(map[core.AppID]bool, len(apps))
	for _, app := range apps {
		asked[app] = true
	}
	p := &k.published
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := k.readAll(ctx, p); err != nil {
		return jwt.KeySet{}, err
	}
	var signers []*jwt.Signer
	now := store.At(k.now())
	for _, row := range p.rows {
		if !asked[row.App] || common && row.Imported || row.Ends != 0 && row.Ends <= now {
			continue
		}
		signer, known := p.opened[row.ID]
		if !known {
			var err error
			if signer, err = openKey(k.sealer, row.KeyID, row.Private); err != nil {
				return jwt.KeySet{}, err
			}
			p.opened[row.ID] = signer
		}
		signers = append(signers, signer)
	}
	return jwt.PublicKeys(signers...), nil
}

// readAll reads the rows again when what was read is old.
func (k *Keys) readAll(ctx context.Context, p *publisher) error {
	now := k.now()
	if p.opened != nil && now.Sub(p.read) < keysReread {
		return nil
	}
	var rows []records.SigningKey
	err := k.database.View(ctx, func(q store.SQL) (err error) {
		rows, err = records.AllSigningKeys(ctx, q, store.At(now))
		return err
	})
	if err != nil {
		return fmt.Errorf("read the published keys: %w", err)
	}
	opened := make(map[int64]*jwt.Signer, len(rows))
	for _, row := range rows {
		if signer := p.opened[row.ID]; signer != nil {
			opened[row.ID] = signer
		}
	}
	p.read, p.rows, p.opened = now, rows, opened
	return nil
}

// drop makes this node see its own change at once.
func (p *publisher) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened = nil
}

// kidLength and kidLetters are those of a kid that we draw: unique in the
// installation (contracts/oneaccess.md §9).
const (
	kidLength  = 16
	kidLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

func drawKid(random io.Reader) (string, error) {
	kid := make([]byte, 0, kidLength)
	var b [1]byte
	for len(kid) < kidLength {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", fmt.Errorf("draw a kid: %w", err)
		}
		if int(b[0]) < 256-256%len(kidLetters) {
			kid = append(kid, kidLetters[int(b[0])%len(kidLetters)])
		}
	}
	return string(kid), nil
}

// importOverlap is how long the key is published that an imported one replaces:
// longer than any id token lives.
const importOverlap = 25 * time.Hour

// Import gives an app a key that was issued elsewhere, which signs as a key of
// Rotate does: at once where it is the first. kid is the one that verifiers know;
// "" draws one. A key that the app has is left as it is. It returns the kid.
// KindBadField for a key that is not RSA of 2048 to 8192 bits, KindConflict for a
// kid that is taken.
func (k *Keys) Import(ctx context.Context, app core.AppID, key *rsa.PrivateKey, kid string) (string, error) {
	if bits := key.N.BitLen(); bits < keyBits || bits > 4*keyBits || key.Validate() != nil {
		return "", &core.Error{Kind: core.KindBadField, Field: "private_key", Detail: "want an RSA key of 2048 to 8192 bits"}
	}
	k.published.drop()
	rows, err := k.rowsOf(ctx, app)
	if err != nil {
		return "", err
	}
	for _, row := range rows {
		if have, err := openPrivate(k.sealer, row.Private); err != nil {
			return "", err
		} else if key.PublicKey.Equal(have.Public()) {
			return row.KeyID, nil
		}
	}
	if kid == "" {
		if kid, err = drawKid(k.random); err != nil {
			return "", err
		}
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	defer clear(der)
	sealed, err := k.sealer.Seal(KeyField, der)
	if err != nil {
		return "", err
	}
	now := store.At(k.now())
	row := records.SigningKey{App: app, KeyID: kid, Private: sealed, Created: now, Imported: true}
	err = k.database.Update(ctx, func(q store.SQL) error {
		if taken, err := records.HasSigningKey(ctx, q, kid); err != nil || taken {
			if taken {
				err = core.E(core.KindConflict, "another key has the kid")
			}
			return err
		}
		return records.InsertSigningKey(ctx, q, row, now.Add(importOverlap))
	})
	if err != nil {
		return "", err
	}
	k.forget(app)
	return kid, nil
}

// forget makes this node read an app's keys again.
func (k *Keys) forget(app core.AppID) {
	k.mu.Lock()
	delete(k.sets, app)
	k.mu.Unlock()
	k.published.drop()
}

func (k *Keys) rowsOf(ctx context.Context, app core.AppID) (rows []records.SigningKey, err error) {
	err = k.database.View(ctx, func(q store.SQL) error {
		rows, err = records.SigningKeys(ctx, q, app, store.At(k.now()))
		return err
	})
	return rows, err
}
