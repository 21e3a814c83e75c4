package account

import (
	"context"
	"fmt"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
)

// uidPrefix begins every yb_uid that we issue (contracts/yunbox.md §1.1).
const uidPrefix = "yb"

// Viewer reads the database.
type Viewer interface {
	View(ctx context.Context, f func(store.SQL) error) error
}

// Aliases turns users into the ids that apps see, and back.
type Aliases struct {
	ring  *keyring.Ring
	store Viewer
}

// NewAliases returns the translation.
func NewAliases(ring *keyring.Ring, viewer Viewer) *Aliases {
	return &Aliases{ring: ring, store: viewer}
}

// Text is the alias that we issue for a user in an app: yb and 26 characters,
// a keyed permutation of tenant, app and user number.
func (a *Aliases) Text(tenant core.TenantID, app core.AppID, user core.UserID) string {
	return uidPrefix + core.EncodeID128(a.ring.Alias(keyring.AliasUser, tenant, app, int64(user)))
}

// oneAccessPrefix begins the user ids of the oneaccess dialect
// (contracts/oneaccess.md §9).
const oneAccessPrefix = "u"

// OneAccessText is Text as the oneaccess dialect writes it: u and the same 26
// characters.
func (a *Aliases) OneAccessText(tenant core.TenantID, app core.AppID, user core.UserID) string {
	return oneAccessPrefix + a.Text(tenant, app, user)[len(uidPrefix):]
}

// HasOneAccessSyntax tells whether a text could be one of OneAccessText.
func HasOneAccessSyntax(text string) bool {
	digits, found := strings.CutPrefix(text, oneAccessPrefix)
	_, valid := core.DecodeID128(digits)
	return found && valid
}

// Resolve finds the user behind an alias. app is the app that asks, 0 when
// nobody said (contracts/yunbox.md §7); imported tells whether ids issued
// elsewhere count as well-formed. KindInvalidID for a string of no valid
// syntax, KindNotFound when it names nobody, or nobody of that app.
func (a *Aliases) Resolve(ctx context.Context, text string, app core.AppID, imported bool) (User, error) {
	issued := hasIssuedSyntax(text)
	if !ValidUserID(text, imported) {
		return User{}, core.E(core.KindInvalidID, "not the syntax of a user id")
	}
	if issued {
		u, err := a.issued(ctx, text)
		if err == nil && app != 0 && u.App != app {
			u, err = User{}, core.E(core.KindNotFound, "a user of another app")
		}
		if err == nil || !imported || core.KindOf(err) != core.KindNotFound {
			return u, err
		}
	}
	return a.imported(ctx, text, app)
}

func (a *Aliases) issued(ctx context.Context, text string) (User, error) {
	id, _ := core.DecodeID128(text[len(uidPrefix):])
	tenant, app, number, ok := a.ring.OpenAlias(keyring.AliasUser, id)
	if !ok {
		return User{}, core.E(core.KindNotFound, "not an id of ours")
	}
	u := User{ID: core.UserID(number), Tenant: tenant, App: app}
	found := false
	err := a.store.View(ctx, func(q store.SQL) error {
		return q.Query(ctx, `SELECT test FROM users WHERE id = $1 AND tenant = $2`, func(r store.Scanner) error {
			found = true
			return r.Scan(&u.Test)
		}, number, int64(tenant))
	})
	if err != nil {
		return User{}, fmt.Errorf("find a user: %w", err)
	}
	if !found {
		return User{}, core.E(core.KindNotFound, "no such user")
	}
	return u, nil
}

func (a *Aliases) imported(ctx context.Context, text string, app core.AppID) (User, error) {
	var found []User
	err := a.store.View(ctx, func(q store.SQL) error {
		return q.Query(ctx, `SELECT u.id, u.tenant, a.app, u.test FROM alias a JOIN users u ON u.id = a.user_id WHERE a.text = $1`,
			func(r store.Scanner) error {
				var id, tenant, of int64
				var u User
				if err := r.Scan(&id, &tenant, &of, &u.Test); err != nil {
					return err
				}
				u.ID, u.Tenant, u.App = core.UserID(id), core.TenantID(tenant), core.AppID(of)
				if app == 0 || u.App == app {
					found = append(found, u)
				}
				return nil
			}, text)
	})
	if err != nil {
		return User{}, fmt.Errorf("find an imported user: %w", err)
	}
	if len(found) != 1 {
		// Two apps may have imported the same id: without a key it names nobody.
		return User{}, core.E(core.KindNotFound, "no such user")
	}
	return found[0], nil
}

// ValidUserID tells whether a text has the syntax of a user id: the issued one
// or, where imported ids count, the importable one.
func ValidUserID(text string, imported bool) bool {
	return hasIssuedSyntax(text) || imported && hasImportedSyntax(text)
}

func hasIssuedSyntax(text string) bool {
	if len(text) != len(uidPrefix)+26 || text[:len(uidPrefix)] != uidPrefix {
		return false
	}
	_, ok := core.DecodeID128(text[len(uidPrefix):])
	return ok
}

// hasImportedSyntax is contracts/README.md §3.5: 1 to 64 characters of [A-Za-z0-9_.-].
func hasImportedSyntax(text string) bool {
	if text == "" || len(text) > 64 {
		return false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return true
}
