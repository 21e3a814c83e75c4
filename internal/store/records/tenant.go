package records

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Tenant is a row of the table tenant.
type Tenant struct {
	ID       core.TenantID
	Name     string
	Created  store.Time
	Disabled bool
	Denied   string // products that its apps may not use, with commas between
	PublicID string // by which callers name it (contracts/oneaccess.md §8.6)
	Hosts    string // host names that are its own, lower case, with commas between
}

// App is a row of the table app. Settings is JSON of tenant.Settings;
// TestNumbers and Secrets are sealed.
type App struct {
	ID          core.AppID
	Tenant      core.TenantID
	Name        string
	Disabled    bool
	Imported    bool
	Settings    string
	TestNumbers []byte
	Secrets     []byte
	Version     int64
	Created     store.Time
	Updated     store.Time
}

// Credential is a row of the table credential: the keyed hash of one key.
type Credential struct {
	ID         int64
	App        core.AppID
	Dialect    string
	Hash       [32]byte
	Created    store.Time
	ValidUntil store.Time // 0: for ever
}

// NextTenantID is the id after the highest one. Two transactions may get the
// same: the later insertion is then refused with store.ErrUnique.
func NextTenantID(ctx context.Context, q store.SQL) (core.TenantID, error) {
	id, err := nextID(ctx, q, `SELECT COALESCE(MAX(id), 0) + 1 FROM tenant`)
	return core.TenantID(id), err
}

// NextAppID is the id after the highest one; see NextTenantID.
func NextAppID(ctx context.Context, q store.SQL) (core.AppID, error) {
	id, err := nextID(ctx, q, `SELECT COALESCE(MAX(id), 0) + 1 FROM app`)
	return core.AppID(id), err
}

// NextCredentialID is the id after the highest one; see NextTenantID.
func NextCredentialID(ctx context.Context, q store.SQL) (int64, error) {
	return nextID(ctx, q, `SELECT COALESCE(MAX(id), 0) + 1 FROM credential`)
}

func nextID(ctx context.Context, q store.SQL, sql string) (int64, error) {
	var id int64
	err := q.Query(ctx, sql, func(r store.Scanner) error { return r.Scan(&id) })
	return id, err
}

// InsertTenant inserts a tenant. store.ErrUnique: the id, the name or the public
// id is taken.
func InsertTenant(ctx context.Context, q store.SQL, t Tenant) error {
	_, err := q.Exec(ctx, `INSERT INTO tenant (id, name, created, disabled, denied, public_id, hosts) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		int64(t.ID), t.Name, int64(t.Created), t.Disabled, t.Denied, t.PublicID, t.Hosts)
	return err
}

// UpdateTenant writes everything of a tenant but id, name and creation; false
// when there is none. store.ErrUnique: the public id is taken.
func UpdateTenant(ctx context.Context, q store.SQL, t Tenant) (bool, error) {
	n, err := q.Exec(ctx, `UPDATE tenant SET disabled = $1, denied = $2, public_id = $3, hosts = $4 WHERE id = $5`,
		t.Disabled, t.Denied, t.PublicID, t.Hosts, int64(t.ID))
	return n == 1, err
}

// Tenants lists all tenants by id.
func Tenants(ctx context.Context, q store.SQL) ([]Tenant, error) {
	var all []Tenant
	err := q.Query(ctx, `SELECT id, name, created, disabled, denied, public_id, hosts FROM tenant ORDER BY id`, func(r store.Scanner) error {
		var id, created int64
		var t Tenant
		if err := r.Scan(&id, &t.Name, &created, &t.Disabled, &t.Denied, &t.PublicID, &t.Hosts); err != nil {
			return err
		}
		t.ID, t.Created = core.TenantID(id), store.Time(created)
		all = append(all, t)
		return nil
	})
	return all, err
}

// InsertApp inserts an app. store.ErrUnique: the id, or the name within the
// tenant, is taken.
func InsertApp(ctx context.Context, q store.SQL, a App) error {
	_, err := q.Exec(ctx, `INSERT INTO app (id, tenant, name, disabled, imported, settings, test_numbers, secrets, version, created, updated)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		int64(a.ID), int64(a.Tenant), a.Name, a.Disabled, a.Imported, a.Settings, a.TestNumbers, a.Secrets, a.Version,
		int64(a.Created), int64(a.Updated))
	return err
}

// UpdateApp writes everything of an app but id, tenant, version and creation,
// if the stored row still has a.Version, and raises the version. False: it was
// changed meanwhile, or does not exist.
func UpdateApp(ctx context.Context, q store.SQL, a App) (bool, error) {
	n, err := q.Exec(ctx, `UPDATE app SET name = $1, disabled = $2, imported = $3, settings = $4, test_numbers = $5,
		secrets = $6, version = version + 1, updated = $7 WHERE id = $8 AND version = $9`,
		a.Name, a.Disabled, a.Imported, a.Settings, a.TestNumbers, a.Secrets, int64(a.Updated), int64(a.ID), a.Version)
	return n == 1, err
}

const appColumns = `SELECT id, tenant, name, disabled, imported, settings, test_numbers, secrets, version, created, updated FROM app`

// Apps lists all apps by id.
func Apps(ctx context.Context, q store.SQL) ([]App, error) {
	return readApps(ctx, q, appColumns+` ORDER BY id`)
}

// AppByID reads one app; false when there is none.
func AppByID(ctx context.Context, q store.SQL, id core.AppID) (App, bool, error) {
	return firstApp(readApps(ctx, q, appColumns+` WHERE id = $1`, int64(id)))
}

// AppByName reads a tenant's app of a name; false when there is none.
func AppByName(ctx context.Context, q store.SQL, tenant core.TenantID, name string) (App, bool, error) {
	return firstApp(readApps(ctx, q, appColumns+` WHERE tenant = $1 AND name = $2`, int64(tenant), name))
}

func firstApp(found []App, err error) (App, bool, error) {
	if err != nil || len(found) == 0 {
		return App{}, false, err
	}
	return found[0], true, nil
}

func readApps(ctx context.Context, q store.SQL, sql string, args ...any) ([]App, error) {
	var all []App
	err := q.Query(ctx, sql, func(r store.Scanner) error {
		var id, tenant, created, updated int64
		var a App
		if err := r.Scan(&id, &tenant, &a.Name, &a.Disabled, &a.Imported, &a.Settings, &a.TestNumbers, &a.Secrets, &a.Version,
			&created, &updated); err != nil {
			return err
		}
		a.ID, a.Tenant = core.AppID(id), core.TenantID(tenant)
		a.Created, a.Updated = store.Time(created), store.Time(updated)
		all = append(all, a)
		return nil
	}, args...)
	return all, err
}

// InsertCredential inserts a key. store.ErrUnique: the id or the hash is taken.
func InsertCredential(ctx context.Context, q store.SQL, c Credential) error {
	_, err := q.Exec(ctx, `INSERT INTO credential (id, app, dialect, hash, created, valid_until) VALUES ($1, $2, $3, $4, $5, $6)`,
		c.ID, int64(c.App), c.Dialect, c.Hash[:], int64(c.Created), int64(c.ValidUntil))
	return err
}

// LimitCredentials makes the keys of an app in a dialect end at until, except
// those that end earlier and the one with the id but. It returns how many.
func LimitCredentials(ctx context.Context, q store.SQL, app core.AppID, dialect string, but int64, until store.Time) (int64, error) {
	return q.Exec(ctx, `UPDATE credential SET valid_until = $1
		WHERE app = $2 AND dialect = $3 AND id <> $4 AND (valid_until = 0 OR valid_until > $1)`,
		int64(until), int64(app), dialect, but)
}

// RehashCredential replaces the hash of a key, if it is still the old one:
// the key that hashes was rotated.
func RehashCredential(ctx context.Context, q store.SQL, id int64, from, to [32]byte) error {
	_, err := q.Exec(ctx, `UPDATE credential SET hash = $1 WHERE id = $2 AND hash = $3`, to[:], id, from[:])
	return err
}

// CredentialByHash finds a key; false when there is none.
func CredentialByHash(ctx context.Context, q store.SQL, hash [32]byte) (Credential, bool, error) {
	found, err := readCredentials(ctx, q, ` WHERE hash = $1`, hash[:])
	if err != nil || len(found) == 0 {
		return Credential{}, false, err
	}
	return found[0], true, nil
}

// Credentials lists the keys that are valid after an instant, by id.
func Credentials(ctx context.Context, q store.SQL, after store.Time) ([]Credential, error) {
	return readCredentials(ctx, q, ` WHERE valid_until = 0 OR valid_until > $1 ORDER BY id`, int64(after))
}

// CredentialsOf lists all keys of an app, the ended ones too, by id.
func CredentialsOf(ctx context.Context, q store.SQL, app core.AppID) ([]Credential, error) {
	return readCredentials(ctx, q, ` WHERE app = $1 ORDER BY id`, int64(app))
}

func readCredentials(ctx context.Context, q store.SQL, where string, args ...any) ([]Credential, error) {
	var all []Credential
	err := q.Query(ctx, `SELECT id, app, dialect, hash, created, valid_until FROM credential`+where, func(r store.Scanner) error {
		var app, created, until int64
		var hash []byte
		var c Credential
		if err := r.Scan(&c.ID, &app, &c.Dialect, &hash, &created, &until); err != nil {
			return err
		}
		c.App, c.Created, c.ValidUntil = core.AppID(app), store.Time(created), store.Time(until)
		copy(c.Hash[:], hash)
		all = append(all, c)
		return nil
	}, args...)
	return all, err
}
