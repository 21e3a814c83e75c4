package tenant

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Products of the submail dialect that an account may be refused (Denied).
const (
	ProductNumberVerification = "number-verification" // /vfmobile
	ProductOneClickLogin      = "one-click-login"     // /ocl
)

// Products lists them.
func Products() []string {
	return []string{ProductNumberVerification, ProductOneClickLogin, ProductSMS}
}

// SubmailKey is a pair that an app signs with. The key is shown this once.
type SubmailKey struct {
	AppID string
	Key   core.Secret
}

// mostSubmail is how many keys of one appid are kept, the ended ones too.
const mostSubmail = 10

// RotateSubmail gives an app an appkey, and at the first call an appid. Older
// keys of the appid end at r.OldValidUntil (contracts/submail.md §4.1). appid
// names one of several, or the one that the app gets; "" is the app's own, or a
// drawn one. KindBadField for the appid, the time or an app without the dialect,
// KindNotFound for the app, KindConflict for an appid of another app.
func (a *Admin) RotateSubmail(ctx context.Context, by By, id core.AppID, appid string, r Rotation) (AppView, SubmailKey, error) {
	until, err := r.until(a.now())
	if err != nil {
		return AppView{}, SubmailKey{}, err
	}
	made := SubmailKey{}
	if made.Key, err = newAppKey(a.random); err != nil {
		return AppView{}, SubmailKey{}, classified(err)
	}
	view, err := a.changeSigning(ctx, by, "app.rotate_submail", id, func(ctx context.Context, q store.SQL, signing []SigningKey) ([]SigningKey, error) {
		name := appid
		if name == "" {
			if name, err = a.ownAppID(signing); err != nil {
				return nil, err
			}
		}
		if !isImportableID(name) {
			return nil, bad("appid", "want 1 to 64 characters of A-Z a-z 0-9 _ . -")
		}
		made.AppID = name
		return a.withKey(ctx, q, id, signing, made, until)
	})
	if err != nil {
		return AppView{}, SubmailKey{}, err
	}
	return view, made, nil
}

// RevokeSubmail ends every appkey of an app at once; its appids stay its own
// (contracts/submail.md §6, 1302). KindNotFound for the app.
func (a *Admin) RevokeSubmail(ctx context.Context, by By, id core.AppID) (AppView, error) {
	return a.changeSigning(ctx, by, "app.revoke_submail", id, func(_ context.Context, _ store.SQL, signing []SigningKey) ([]SigningKey, error) {
		return ended(signing, "", store.At(a.now())), nil
	})
}

// ownAppID is the app's only appid, or a new one.
func (a *Admin) ownAppID(signing []SigningKey) (string, error) {
	own := ""
	for _, k := range signing {
		if k.Dialect != DialectSubmail || k.Name == own {
			continue
		}
		if own != "" {
			return "", bad("appid", "the app has several: name one")
		}
		own = k.Name
	}
	if own == "" {
		return newAppID(a.random)
	}
	return own, nil
}

// withKey adds a key, after which the older ones of its appid end.
func (a *Admin) withKey(ctx context.Context, q store.SQL, id core.AppID, signing []SigningKey, key SubmailKey, until time.Time) ([]SigningKey, error) {
	if err := a.nameIsFree(ctx, q, id, DialectSubmail, key.AppID); err != nil {
		return nil, err
	}
	next := int64(1)
	for _, k := range signing {
		next = max(next, k.ID+1)
	}
	signing = append(ended(signing, key.AppID, store.At(until)),
		SigningKey{ID: next, Dialect: DialectSubmail, Name: key.AppID, Key: key.Key, Created: store.At(a.now())})
	// The oldest ended ones are forgotten, so that the row does not grow.
	of := func(k SigningKey) bool { return k.Name == key.AppID }
	for extra := count(signing, of) - mostSubmail; extra > 0; extra-- {
		i := slices.IndexFunc(signing, func(k SigningKey) bool { return k.Name == key.AppID && !k.Valid(store.At(a.now())) })
		if i < 0 {
			break
		}
		signing = slices.Delete(signing, i, i+1)
	}
	return signing, nil
}

func count(signing []SigningKey, is func(SigningKey) bool) (n int) {
	for _, k := range signing {
		if is(k) {
			n++
		}
	}
	return n
}

// ended is the keys with those of an appid, or all for "", ending at until,
// unless they end earlier.
func ended(signing []SigningKey, appid string, until store.Time) []SigningKey {
	all := slices.Clone(signing)
	for i := range all {
		k := &all[i]
		if k.Dialect == DialectSubmail && (appid == "" || k.Name == appid) && (k.ValidUntil == 0 || k.ValidUntil > until) {
			k.ValidUntil = until
		}
	}
	return all
}

// changeSigning lets edit change the keys that an app signs with.
func (a *Admin) changeSigning(ctx context.Context, by By, action string, id core.AppID,
	edit func(context.Context, store.SQL, []SigningKey) ([]SigningKey, error)) (AppView, error) {
	return a.changeApp(ctx, by, action, id, func(ctx context.Context, q store.SQL, row *records.App) error {
		signing, err := openSigning(row.Secrets, a.keys)
		if err != nil {
			return err
		}
		changed, err := edit(ctx, q, signing)
		if err != nil || slices.Equal(changed, signing) {
			return err
		}
		row.Secrets, err = sealSigning(changed, a.keys)
		return err
	})
}

// newAppID draws ten digits.
func newAppID(random io.Reader) (string, error) {
	digits := make([]byte, 0, 10)
	var b [1]byte
	for len(digits) < cap(digits) {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", fmt.Errorf("draw an appid: %w", err)
		}
		if d := b[0] % 10; b[0] < 250 && (d > 0 || len(digits) > 0) {
			digits = append(digits, '0'+d)
		}
	}
	return string(digits), nil
}

// newAppKey draws 32 lower hex, as the vendor's are.
func newAppKey(random io.Reader) (core.Secret, error) {
	var raw [16]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return core.Secret{}, fmt.Errorf("draw an appkey: %w", err)
	}
	return core.NewSecret(hex.EncodeToString(raw[:])), nil
}

// EnsureSubmail gives the demo app the pair that `yanma dev` wrote down, and
// the origin of its own pages.
func (a *Admin) EnsureSubmail(ctx context.Context, id core.AppID, pair SubmailKey, origin string) error {
	by := By{Actor: "dev"}
	view, err := a.ShowApp(ctx, id)
	if err != nil {
		return err
	}
	dialects, origins := view.Settings.Dialects, view.Settings.Origins
	if !slices.Contains(dialects, DialectSubmail) || !slices.Contains(origins, origin) {
		dialects, origins = slices.Clone(dialects), []string{origin}
		if !slices.Contains(dialects, DialectSubmail) {
			dialects = append(dialects, DialectSubmail)
		}
		if _, err := a.UpdateApp(ctx, by, id, Patch{Dialects: &dialects, Origins: &origins}); err != nil {
			return err
		}
	}
	_, err = a.changeSigning(ctx, by, "app.add_submail", id, func(ctx context.Context, q store.SQL, signing []SigningKey) ([]SigningKey, error) {
		if slices.ContainsFunc(signing, func(k SigningKey) bool {
			return k.Dialect == DialectSubmail && k.Name == pair.AppID && k.Key == pair.Key && k.Valid(store.At(a.now()))
		}) {
			return signing, nil
		}
		return a.withKey(ctx, q, id, signing, pair, a.now())
	})
	return err
}
