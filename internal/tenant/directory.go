package tenant

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Database is the part of store.Engine that plain transactions need.
type Database interface {
	View(ctx context.Context, f func(store.SQL) error) error
	Update(ctx context.Context, f func(store.SQL) error) error
}

// Keys is the part of keyring that credentials and sealed settings need.
type Keys interface {
	// TokenHashes is a key's keyed hash under every token key, newest first.
	TokenHashes(secret string) [][32]byte
	Seal(field string, plaintext []byte) ([]byte, error)
	Open(field string, sealed []byte) ([]byte, error)
}

// pollInterval is how long another node's change stays unseen.
const pollInterval = time.Second

// Directory is the configuration cache of a node. Reading it takes no lock.
type Directory struct {
	database Database
	keys     Keys
	defaults Defaults
	now      func() time.Time
	log      *slog.Logger
	follow   func(ctx context.Context) (bool, error)
	beside   func(ctx context.Context, q store.SQL) (func(), error) // nil: nothing

	current    atomic.Pointer[snapshot]
	refreshing sync.Mutex

	rehash chan rehash
	poller poller
}

// DirectoryOptions is what a Directory works with; all but Follow are required.
type DirectoryOptions struct {
	Database Database
	Keys     Keys
	Defaults Defaults
	Now      func() time.Time
	Log      *slog.Logger

	// Follow is called every second, before the configuration is read: it takes
	// over keys that another node made. It tells whether there were any.
	Follow func(ctx context.Context) (changed bool, err error)
}

// Defaults is what the configuration file says for apps that say nothing.
type Defaults struct {
	Rules       guard.Rules // limits
	SMSPrice    core.Credits
	LoginPrice  core.Credits
	VerifyPrice core.Credits
	FetchPrice  core.Credits
	VoicePrice  core.Credits
}

// snapshot is the configuration at one revision. It never changes.
type snapshot struct {
	revision int64
	apps     []*App // by id
	byID     map[core.AppID]*App
	byHash   map[[32]byte]credential
	byClient map[string]*App // by the id of their OAuth client
	byName   map[string]signer
	origins  map[string]bool // that any app lists

	oneAccess oneAccessClients
}

type credential struct {
	id         int64
	app        *App
	dialect    Dialect
	validUntil store.Time // 0: for ever
}

// NewDirectory returns an empty directory. Refresh fills it; Start keeps it
// up to date.
func NewDirectory(o DirectoryOptions) *Directory {
	if o.Follow == nil {
		o.Follow = func(context.Context) (bool, error) { return false, nil }
	}
	d := &Directory{database: o.Database, keys: o.Keys, defaults: o.Defaults, now: o.Now, log: o.Log, follow: o.Follow, rehash: make(chan rehash, 64)}
	d.current.Store(&snapshot{})
	return d
}

// AppByKey is the app of a key in a dialect. It is false for a key that is
// unknown, has ended or belongs to another dialect, and for an app that is
// disabled or may not use the dialect (contracts/yunbox.md §2, 0073); the
// address list is the caller's to check (App.Allows). An unknown key takes the
// same work as a known one, and since the map is of keyed hashes, the time of
// the look-up says nothing about other keys.
func (d *Directory) AppByKey(dialect Dialect, key string) (*App, bool) {
	return d.appByKey(dialect, key, longestKey)
}

// appByKey looks for no more than longest bytes of a key.
func (d *Directory) appByKey(dialect Dialect, key string, longest int) (*App, bool) {
	usable := len(key) <= longest
	if !usable {
		key = key[:longest]
	}
	hashes := d.keys.TokenHashes(key)
	apps := d.current.Load()
	var found credential
	at := 0
	for i := range hashes {
		if c, ok := apps.byHash[hashes[i]]; ok {
			found, at = c, i
		}
	}
	if !usable || found.app == nil || found.dialect != dialect || found.app.Disabled || found.app.AccountDisabled || !found.app.Uses(dialect) {
		return nil, false
	}
	if found.validUntil != 0 && found.validUntil <= store.At(d.now()) {
		return nil, false
	}
	if at > 0 {
		d.wantRehash(rehash{id: found.id, from: hashes[at], key: core.NewSecret(key)})
	}
	return found.app, true
}

// App is an app by its id, a disabled one too.
func (d *Directory) App(id core.AppID) (*App, bool) {
	app, ok := d.current.Load().byID[id]
	return app, ok
}

// Apps lists all apps by id, the disabled ones too. Do not change the list.
func (d *Directory) Apps() []*App { return d.current.Load().apps }

// Revision is the revision of the configuration that the directory shows.
func (d *Directory) Revision() int64 { return d.current.Load().revision }

// Refresh reads the whole configuration. On an error the directory goes on
// showing what it had.
func (d *Directory) Refresh(ctx context.Context) error {
	d.refreshing.Lock()
	defer d.refreshing.Unlock()
	var next *snapshot
	publish := func() {}
	err := d.database.View(ctx, func(q store.SQL) (err error) {
		if next, err = d.read(ctx, q); err == nil && d.beside != nil {
			publish, err = d.beside(ctx, q)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	if next.revision >= d.current.Load().revision {
		publish()
		d.current.Store(next)
	}
	return nil
}

func (d *Directory) read(ctx context.Context, q store.SQL) (*snapshot, error) {
	revision, err := records.Revision(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, err := records.Apps(ctx, q)
	if err != nil {
		return nil, err
	}
	keys, err := records.Credentials(ctx, q, store.At(d.now()))
	if err != nil {
		return nil, err
	}
	s := &snapshot{revision: revision, byID: make(map[core.AppID]*App, len(rows)), byHash: make(map[[32]byte]credential, len(keys)),
		byClient: map[string]*App{}, byName: map[string]signer{}, origins: map[string]bool{}}
	tenants, err := tenantsByID(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		app, err := appOf(row, d.keys, d.defaults)
		if err != nil {
			return nil, fmt.Errorf("app %d: %w", row.ID, err)
		}
		app.AccountDisabled, app.Denied = tenants[row.Tenant].Disabled, deniedOf(tenants[row.Tenant])
		signing, err := openSigning(row.Secrets, d.keys)
		if err != nil {
			return nil, fmt.Errorf("app %d: %w", row.ID, err)
		}
		s.addSigners(app, signing)
		for _, origin := range app.Origins {
			s.origins[origin] = true
		}
		s.apps = append(s.apps, app)
		s.byID[app.ID] = app
		if app.Camara != nil {
			s.byClient[app.Camara.ClientID] = app
		}
	}
	for _, k := range keys {
		if app := s.byID[k.App]; app != nil {
			s.byHash[k.Hash] = credential{id: k.ID, app: app, dialect: Dialect(k.Dialect), validUntil: k.ValidUntil}
		}
	}
	s.addOneAccess(tenants)
	return s, nil
}

// appOf makes the snapshot of a row.
func appOf(row records.App, keys Keys, defaults Defaults) (*App, error) {
	settings, err := decodeSettings(row.Settings)
	if err != nil {
		return nil, err
	}
	tests, err := openTests(row.TestNumbers, keys)
	if err != nil {
		return nil, err
	}
	app, err := settings.build(defaults, tests)
	if err != nil {
		return nil, err
	}
	app.ID, app.Tenant, app.Name = row.ID, row.Tenant, row.Name
	app.Disabled, app.ImportedUsers = row.Disabled, row.Imported
	return app, nil
}

// testsField is the name under which test numbers are sealed.
const testsField = "app.test_numbers"

func sealTests(tests []TestNumber, keys Keys) ([]byte, error) {
	if len(tests) == 0 {
		return nil, nil
	}
	plain, err := json.Marshal(tests)
	if err != nil {
		return nil, err
	}
	return keys.Seal(testsField, plain)
}

func openTests(sealed []byte, keys Keys) ([]TestNumber, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	plain, err := keys.Open(testsField, sealed)
	if err != nil {
		return nil, fmt.Errorf("test numbers: %w", err)
	}
	var tests []TestNumber
	if err := json.Unmarshal(plain, &tests); err != nil {
		return nil, fmt.Errorf("test numbers: not readable")
	}
	return tests, nil
}
