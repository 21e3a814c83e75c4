package records

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// SessionByKey reads a session.
func SessionByKey(ctx context.Context, q store.SQL, key store.SessionKey) (row store.Session, found bool, err error) {
	err = q.Query(ctx, `SELECT kind, family, tenant, app, user_id, device, auth_time, expires, replaced FROM session WHERE key_hash = $1`,
		func(r store.Scanner) error {
			found = true
			var kind, family, tenant, app, user, device, auth, expires, replaced int64
			err := r.Scan(&kind, &family, &tenant, &app, &user, &device, &auth, &expires, &replaced)
			row = store.Session{Key: key, Kind: store.SessionKind(kind), Family: core.LoginID(family), Tenant: core.TenantID(tenant), App: core.AppID(app),
				User: core.UserID(user), Device: uint64(device), AuthTime: store.Time(auth), Expires: store.Time(expires), Replaced: store.Time(replaced)}
			return err
		}, key[:])
	return row, found && err == nil, err
}

// PruneSessions deletes up to limit sessions that expired, and returns how
// many.
func PruneSessions(ctx context.Context, q store.SQL, now store.Time, limit int) (int64, error) {
	return q.Exec(ctx, `DELETE FROM session WHERE key_hash IN (SELECT key_hash FROM session WHERE expires <= $1 ORDER BY expires LIMIT $2)`,
		int64(now), int64(limit))
}

// LoginsOf lists at most limit events of a user, newest first, with ids below
// before; 0 means from the newest one on.
func LoginsOf(ctx context.Context, q store.SQL, user core.UserID, before core.LoginID, limit int) (rows []store.LoginEvent, err error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	err = q.Query(ctx, `SELECT id, tenant, app, user_id, kind, purpose, code, family, device FROM login_event
		WHERE user_id = $1 AND user_id <> 0 AND id < $2 ORDER BY id DESC LIMIT $3`, func(r store.Scanner) error {
		var id, tenant, app, user, kind, purpose, code, family, device int64
		err := r.Scan(&id, &tenant, &app, &user, &kind, &purpose, &code, &family, &device)
		rows = append(rows, store.LoginEvent{ID: core.LoginID(id), Tenant: core.TenantID(tenant), App: core.AppID(app), User: core.UserID(user),
			Kind: store.LoginKind(kind), Purpose: core.Purpose(purpose), Code: core.VerificationID(code), Family: core.LoginID(family), Device: uint64(device)})
		return err
	}, int64(user), int64(before), int64(limit))
	return rows, err
}

// AgedLogins are login events: all may go when they are old.
func AgedLogins() Aged { return Aged{table: "login_event", over: "kind > 0", reads: "kind"} }

// Person is a user with what an app shows of it.
type Person struct {
	Phone    []byte // sealed
	Profile  []byte // sealed; nil for none
	Disabled bool
	Alias    string // the id issued elsewhere, in the app that asks
}

// PersonOf reads a user of a tenant as an app sees one.
func PersonOf(ctx context.Context, q store.SQL, of core.TenantID, app core.AppID, user core.UserID) (p Person, found bool, err error) {
	err = q.Query(ctx, `SELECT u.phone, p.body, p.disabled, a.text FROM users u LEFT JOIN profile p ON p.user_id = u.id
		LEFT JOIN alias a ON a.user_id = u.id AND a.app = $1 WHERE u.id = $2 AND u.tenant = $3`, func(r store.Scanner) error {
		found = true
		return r.Scan(&p.Phone, &p.Profile, &p.Disabled, &p.Alias)
	}, int64(app), int64(user), int64(of))
	return p, found && err == nil, err
}

// Standing is where a user stands.
type Standing struct {
	Disabled  bool
	LastLogin store.Time
	Sessions  int64 // tokens that are the newest of their login and live at now
}

// StandingOf reads where a user stands.
func StandingOf(ctx context.Context, q store.SQL, user core.UserID, now store.Time) (s Standing, found bool, err error) {
	err = q.Query(ctx, `SELECT u.last_login, p.disabled FROM users u LEFT JOIN profile p ON p.user_id = u.id WHERE u.id = $1`, func(r store.Scanner) error {
		found = true
		return r.Scan((*int64)(&s.LastLogin), &s.Disabled)
	}, int64(user))
	if err == nil {
		err = q.Query(ctx, `SELECT COUNT(*) FROM session WHERE user_id = $1 AND kind = 1 AND replaced = 0 AND expires > $2`,
			func(r store.Scanner) error { return r.Scan(&s.Sessions) }, int64(user), int64(now))
	}
	return s, found && err == nil, err
}
