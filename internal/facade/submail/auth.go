package submail

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/tenant"
)

// caller is who a request names: steps 1 to 9 of contracts/submail.md §3.3.
// Unknown ids and wrong signatures are counted per source address, and one
// address too many is refused before step 1.
func (d *dialect) caller(ctx context.Context, x *facade.Exchange, f *form, product string) (*tenant.App, []tenant.SigningKey, error) {
	var space [2]guard.Bucket
	failures := d.Rules.AuthFailed.ForIP(space[:0], d.Subjects, x.Source, 0)
	if err := d.peek(ctx, failures); err != nil {
		return nil, nil, err
	}
	app, keys, err := d.appOf(f.appid)
	if err != nil {
		if core.KindOf(err) == core.KindNotFound {
			err = d.counted(ctx, failures, err)
		}
		return nil, nil, err
	}
	x.Event.App = app.ID
	if err := usable(app, product); err != nil {
		return nil, nil, err
	}
	if len(keys) == 0 {
		return nil, nil, errAppKey
	}
	if !app.Allows(x.Source) {
		return nil, nil, d.counted(ctx, failures, errSource)
	}
	return app, keys, nil
}

// appOf is steps 1 to 3. An imported appid of another form is known by its app.
func (d *dialect) appOf(appid string) (*tenant.App, []tenant.SigningKey, error) {
	if appid == "" {
		return nil, nil, errNullAppID
	}
	app, keys, ok := d.Apps.AppByName(tenant.DialectSubmail, appid)
	switch {
	case ok:
		return app, keys, nil
	case !isAppID(appid):
		return nil, nil, errAppID
	default:
		return nil, nil, errNoApp
	}
}

// usable is steps 4 to 7.
func usable(app *tenant.App, product string) error {
	switch {
	case app.Disabled:
		return errDisabled
	case app.AccountDisabled:
		return errAccount
	case !app.Uses(tenant.DialectSubmail):
		return errProduct
	case app.Denies(product):
		return errAccess
	}
	return nil
}

// isAppID is ^[A-Za-z0-9]{1,32}$.
func isAppID(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		default:
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 32
}

// signed is steps 11 to 14: the timestamp, the token and what joins them.
func (d *dialect) signed(ctx context.Context, x *facade.Exchange, f *form, keys []tenant.SigningKey) error {
	at, ok := instant(f.timestamp)
	if !ok {
		return errTimestamp
	}
	if off := d.Now().Sub(at); off > d.Window || off < -d.Window {
		return errWindow
	}
	if f.token == "" || len(f.token) > numberverify.LongestToken {
		return errToken
	}
	if !matches(f, keys) {
		var space [2]guard.Bucket
		return d.counted(ctx, d.Rules.AuthFailed.ForIP(space[:0], d.Subjects, x.Source, 0), errSignature)
	}
	return nil
}

// late is for a request whose time is over: one with an Idempotency-Key that was
// answered before gets that answer again, for as long as it is kept
// (contracts/README.md §3.4). It has to be signed like any other.
func (d *dialect) late(ctx context.Context, x *facade.Exchange, app *tenant.App, f *form, keys []tenant.SigningKey, err error) error {
	if err != errWindow || len(x.Request.Header["Idempotency-Key"]) == 0 || f.token == "" || len(f.token) > numberverify.LongestToken || !matches(f, keys) { //nolint:errorlint // the one value
		return err
	}
	return x.Once(ctx, app.ID, func(*idempotency.Call) error { return err })
}

// instant reads 10 digits of seconds or 13 of milliseconds (contracts/submail.md
// §4.2).
func instant(text string) (time.Time, bool) {
	if len(text) != 10 && len(text) != 13 {
		return time.Time{}, false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return time.Time{}, false
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	if len(text) == 10 {
		return time.Unix(n, 0), true
	}
	return time.UnixMilli(n), true
}

// matches compares the signature with that of every valid key: during a rotation
// there are two (contracts/submail.md §4.1). All take the same work.
func matches(f *form, keys []tenant.SigningKey) bool {
	var given [sha256.Size]byte
	decoded := 0
	if len(f.signature) == hex.EncodedLen(len(given)) {
		decoded, _ = hex.Decode(given[:], []byte(f.signature)) // upper and lower case
	}
	found := 0
	for _, k := range keys {
		want := sha256.Sum256([]byte(k.Key.Reveal() + f.timestamp + f.token))
		found |= subtle.ConstantTimeCompare(want[:], given[:])
	}
	return found == 1 && decoded == len(given)
}

// peek refuses when one more event would be too many, and counts nothing.
func (d *dialect) peek(ctx context.Context, buckets []guard.Bucket) error {
	return guard.Room(ctx, d.Limiter, d.Now(), buckets)
}

// counted counts a failed authentication and gives its error, or that of the
// limit.
func (d *dialect) counted(ctx context.Context, buckets []guard.Bucket, failed error) error {
	if len(buckets) > 0 {
		if _, err := d.Limiter.Take(ctx, d.Now(), buckets); err != nil {
			return err
		}
	}
	return failed
}

// limited counts a call of an app, step 15. What is refused afterwards, before a
// carrier was asked, gives its unit back with the function returned.
func (d *dialect) limited(ctx context.Context, app *tenant.App) (giveBack func(), err error) {
	var space [1]guard.Bucket
	buckets := app.Limits.NumberChecks.For(space[:0], d.Subjects, uint64(app.ID), uint32(app.ID))
	if len(buckets) == 0 {
		return func() {}, nil
	}
	taken, err := d.Limiter.Take(ctx, d.Now(), buckets)
	if err != nil {
		return nil, err
	}
	return func() { d.Limiter.GiveBack(ctx, taken) }, nil
}
