package tenant

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// ProductSMS is the product of the jsms dialect that an account may be refused
// (contracts/jsms.md §13, 50008).
const ProductSMS = "sms"

// DialectJSMSDeveloper is under which an app keeps its developer's pair: it asks
// for the tenant's balance, and for nothing else (contracts/jsms.md §1.1). It is
// no dialect that an app may use.
const DialectJSMSDeveloper Dialect = "jsms-developer"

// JSMSKey is a pair of the jsms dialect: appKey and masterSecret, or devKey and
// apiDevSecret. The secret is shown this once.
type JSMSKey struct {
	Name   string
	Secret core.Secret
}

// Bounds of a pair that was issued elsewhere: public clients take exactly 24
// letters and digits (contracts/jsms.md §1.1).
const (
	shortestJSMS = 8
	longestJSMS  = 64
)

// RotateJSMS gives an app a masterSecret, and at the first call an appKey; of
// DialectJSMSDeveloper a devKey with its secret. The older secrets end at
// r.OldValidUntil. KindBadField for the time or the dialect, KindNotFound for
// the app.
func (a *Admin) RotateJSMS(ctx context.Context, by By, id core.AppID, of Dialect, r Rotation) (AppView, JSMSKey, error) {
	if of != DialectJSMS && of != DialectJSMSDeveloper {
		return AppView{}, JSMSKey{}, bad("dialect", "want jsms or jsms-developer")
	}
	until, err := r.until(a.now())
	if err != nil {
		return AppView{}, JSMSKey{}, err
	}
	made, err := drawJSMS(a.random)
	if err != nil {
		return AppView{}, JSMSKey{}, classified(err)
	}
	view, err := a.changeSigning(ctx, by, "app.rotate_jsms", id, func(ctx context.Context, q store.SQL, signing []SigningKey) ([]SigningKey, error) {
		if i := slices.IndexFunc(signing, func(k SigningKey) bool { return k.Dialect == of }); i >= 0 {
			made.Name = signing[i].Name
		}
		return a.withJSMS(ctx, q, id, signing, of, made, until)
	})
	return view, made, err
}

// EnsureJSMS gives an app a pair that is known already: that of `yanma dev`, or
// one that was issued elsewhere (contracts/README.md §3.5). Secrets of the same
// name end. KindBadField for the pair, KindConflict for another app's name.
func (a *Admin) EnsureJSMS(ctx context.Context, by By, id core.AppID, of Dialect, pair JSMSKey) (AppView, error) {
	if err := CheckJSMS(pair); err != nil {
		return AppView{}, err
	}
	return a.changeSigning(ctx, by, "app.set_jsms", id, func(ctx context.Context, q store.SQL, signing []SigningKey) ([]SigningKey, error) {
		if slices.ContainsFunc(signing, func(k SigningKey) bool {
			return k.Dialect == of && k.Name == pair.Name && k.Key == pair.Secret && k.Valid(store.At(a.now()))
		}) {
			return signing, nil
		}
		return a.withJSMS(ctx, q, id, signing, of, pair, a.now())
	})
}

// CheckJSMS tells what is wrong with a pair that was issued elsewhere.
func CheckJSMS(pair JSMSKey) error {
	secret := pair.Secret.Reveal()
	if len(pair.Name) < shortestJSMS || !isImportableID(pair.Name) {
		return bad("app_key", "a key has 8 to 64 characters of A-Z a-z 0-9 _ . -")
	}
	if len(secret) < shortestJSMS || len(secret) > longestJSMS {
		return bad("master_secret", "a secret has 8 to 64 characters")
	}
	return nil
}

// withJSMS adds a secret, after which the older ones of its name end.
func (a *Admin) withJSMS(ctx context.Context, q store.SQL, id core.AppID, signing []SigningKey, of Dialect, key JSMSKey, until time.Time) ([]SigningKey, error) {
	if err := a.nameIsFree(ctx, q, id, of, key.Name); err != nil {
		return nil, err
	}
	next := int64(1)
	kept := make([]SigningKey, 0, len(signing)+1)
	for _, k := range signing {
		next = max(next, k.ID+1)
		if k.Dialect == of && k.Name == key.Name {
			if !k.Valid(store.At(a.now())) {
				continue // forgotten, so that the row does not grow
			}
			if k.ValidUntil == 0 || k.ValidUntil > store.At(until) {
				k.ValidUntil = store.At(until)
			}
		}
		kept = append(kept, k)
	}
	return append(kept, SigningKey{ID: next, Dialect: of, Name: key.Name, Key: key.Secret, Created: store.At(a.now())}), nil
}

// nameIsFree refuses a name that another app has in a dialect.
func (a *Admin) nameIsFree(ctx context.Context, q store.SQL, id core.AppID, of Dialect, name string) error {
	rows, err := records.Apps(ctx, q)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.ID == id {
			continue
		}
		signing, err := openSigning(row.Secrets, a.keys)
		if err != nil {
			return fmt.Errorf("app %d: %w", row.ID, err)
		}
		if slices.ContainsFunc(signing, func(k SigningKey) bool { return k.Dialect == of && k.Name == name }) {
			return core.E(core.KindConflict, "another app has the key")
		}
	}
	return nil
}

// drawJSMS draws a key of 24 lower hex and a secret of 24 of [0-9a-z], 124 bits
// (contracts/jsms.md §1.1).
func drawJSMS(random io.Reader) (JSMSKey, error) {
	name, err := drawText(random, 24, "0123456789abcdef")
	if err != nil {
		return JSMSKey{}, err
	}
	secret, err := drawText(random, 24, "0123456789abcdefghijklmnopqrstuvwxyz")
	return JSMSKey{Name: name, Secret: core.NewSecret(secret)}, err
}

// drawText draws characters of an alphabet, each as likely as the next.
func drawText(random io.Reader, n int, alphabet string) (string, error) {
	most := byte(256 / len(alphabet) * len(alphabet) & 0xff) // 0: all 256
	text := make([]byte, 0, n)
	var b [1]byte
	for len(text) < n {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", fmt.Errorf("draw a key: %w", err)
		}
		if most == 0 || b[0] < most {
			text = append(text, alphabet[int(b[0])%len(alphabet)])
		}
	}
	return string(text), nil
}

// EnsureDialect lets an app use a dialect.
func (a *Admin) EnsureDialect(ctx context.Context, by By, id core.AppID, d Dialect) error {
	view, err := a.ShowApp(ctx, id)
	if err != nil || slices.Contains(view.Settings.Dialects, d) {
		return err
	}
	dialects := append(slices.Clone(view.Settings.Dialects), d)
	_, err = a.UpdateApp(ctx, by, id, Patch{Dialects: &dialects})
	return err
}

// NameOf is the name that an app has in a dialect: the newest one that has a
// valid key.
func (d *Directory) NameOf(of Dialect, app core.AppID) (name string, ok bool) {
	newest := int64(0)
	now := store.At(d.now())
	for _, s := range d.current.Load().byName {
		if s.app.ID != app || len(s.keys) == 0 {
			continue
		}
		if k := s.keys[0]; k.Dialect == of && k.Valid(now) && k.ID > newest {
			name, newest, ok = k.Name, k.ID, true
		}
	}
	return name, ok
}
