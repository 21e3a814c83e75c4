package account

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// Lives around a session (contracts/oneaccess.md §4, §8.2).
const (
	RefreshGrace = 60 * time.Second  // an old token serves calls that were under way
	TicketLife   = 300 * time.Second // of an sso ticket
	nonceLife    = 10 * time.Minute  // in which a nonce serves once
)

// ticketPrefix begins every sso ticket.
const ticketPrefix = "ssoTicket-"

// Once keeps tickets and nonces (records.DurableOnce).
type Once interface {
	Put(ctx context.Context, key, value []byte, ttl time.Duration) error
	Take(ctx context.Context, key []byte) (value []byte, ok bool, err error)
}

// SessionOptions are what Sessions work with; all are required.
type SessionOptions struct {
	Store   Store
	View    Viewer
	Once    Once
	Ring    *keyring.Ring
	Aliases *Aliases
	IDs     *core.IDs
	Now     func() time.Time
	Random  io.Reader // cryptographic
	Log     *slog.Logger
}

// Sessions finds, refreshes and ends the sessions that logins wrote. It keeps
// nothing in memory: what one node ended, no node takes any more.
type Sessions struct{ o SessionOptions }

// NewSessions returns the service.
func NewSessions(o SessionOptions) *Sessions { return &Sessions{o: o} }

// Session is somebody who is logged in.
type Session struct {
	Key      store.SessionKey
	Family   core.LoginID
	Tenant   core.TenantID
	App      core.AppID
	User     core.UserID
	Device   uint64
	AuthTime time.Time // of the login; a refresh keeps it
	Expires  time.Time
}

func sessionOf(row store.Session) Session {
	return Session{Key: row.Key, Family: row.Family, Tenant: row.Tenant, App: row.App, User: row.User, Device: row.Device,
		AuthTime: row.AuthTime.Time(), Expires: row.Expires.Time()}
}

// errSession is one for every reason: unknown, expired, ended, of another app
// or device.
func errSession(detail string) error { return unknownField("session_token", detail) }

func unknownField(field, detail string) error {
	err := core.Field(core.KindUnauthenticated, field)
	err.Detail = detail
	return err
}

// DeviceHash is the keyed hash of a fingerprint in an app, 0 for none. It also
// names the device's counters of wrong tries.
func DeviceHash(ring *keyring.Ring, app core.AppID, fingerprint string) uint64 {
	if fingerprint == "" {
		return 0
	}
	return ring.LimitSubjectBytes(deviceKind, uint32(app), []byte(fingerprint))
}

// deviceKind separates fingerprints from other subjects of keyed hashes.
const deviceKind = 0x7e

// Find is the session of a token, in the app and on the device of its login.
// Presenting a token that was replaced more than RefreshGrace ago ends all
// tokens of its login. KindUnauthenticated with the field session_token for
// every other reason; KindInternal, KindOverloaded.
func (s *Sessions) Find(ctx context.Context, app *tenant.App, token, fingerprint string) (Session, error) {
	row, err := s.find(ctx, app, token, fingerprint)
	return sessionOf(row), err
}

func (s *Sessions) find(ctx context.Context, app *tenant.App, token, fingerprint string) (row store.Session, err error) {
	found := false
	key := SessionKeyOf(token)
	err = s.o.View.View(ctx, func(q store.SQL) (err error) {
		row, found, err = records.SessionByKey(ctx, q, key)
		return err
	})
	if err != nil {
		return store.Session{}, fmt.Errorf("find a session: %w", err)
	}
	now := store.At(s.o.Now())
	if !found || row.Kind != store.SessionOpen || row.App != app.ID || row.Tenant != app.Tenant || now >= row.Expires {
		return store.Session{}, errSession("unknown, expired or another app's")
	}
	if isStale(row, now) {
		return store.Session{}, errors.Join(errSession("a replaced token came back"), s.endReused(ctx, row))
	}
	if row.Device != DeviceHash(s.o.Ring, app.ID, fingerprint) {
		return store.Session{}, errSession("another device")
	}
	return row, nil
}

// isStale tells whether a token was replaced and may serve nobody any more.
func isStale(row store.Session, now store.Time) bool {
	return row.Replaced != 0 && now >= row.Replaced.Add(RefreshGrace)
}

func (s *Sessions) endReused(ctx context.Context, row store.Session) error {
	s.o.Log.Warn("account: a replaced session token came back; its login ended", "app", int64(row.App), "family", int64(row.Family))
	return s.o.Store.Do(context.WithoutCancel(ctx), s.endFamily(row, store.LoginReused))
}

func (s *Sessions) endFamily(row store.Session, why store.LoginKind) *endFamily {
	return &endFamily{row: row, event: s.event(row, why)}
}

func (s *Sessions) event(row store.Session, kind store.LoginKind) store.LoginEvent {
	return store.LoginEvent{ID: core.LoginID(s.o.IDs.Next()), Tenant: row.Tenant, App: row.App, User: row.User, Kind: kind, Family: row.Family, Device: row.Device}
}

// Nonce takes a nonce of a session, which serves once in ten minutes: of
// parallel calls with it, one passes. KindUnauthenticated with the field nonce.
func (s *Sessions) Nonce(ctx context.Context, of Session, nonce string) error {
	err := s.o.Once.Put(ctx, onceKey("session nonce ", of.Family, nonce), []byte{1}, nonceLife)
	if errors.Is(err, store.ErrUnique) {
		return unknownField("nonce", "used before")
	}
	return err
}

// onceKey keeps nobody's secret in the clear.
func onceKey(kind string, family core.LoginID, secret string) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", family, secret))
	return append([]byte(kind), sum[:]...)
}

// Refresh gives the next token of a session, with the app's full life. The old
// one serves for RefreshGrace; refreshing it again in that time gives the same
// next token, so that of parallel calls, and of one that is repeated because its
// answer was lost, one lineage comes. Errors as Find.
func (s *Sessions) Refresh(ctx context.Context, app *tenant.App, token, fingerprint string) (core.Secret, Session, error) {
	row, err := s.find(ctx, app, token, fingerprint)
	if err != nil {
		return core.Secret{}, Session{}, err
	}
	fresh, err := DrawSession(s.o.Random, s.o.IDs)
	if err != nil {
		return core.Secret{}, Session{}, err
	}
	c := &refresh{row: row, token: token, fresh: fresh.Token.Reveal(), life: app.OneAccess.SessionLife(), event: s.event(row, store.LoginRefreshed)}
	if err := s.o.Store.Do(context.WithoutCancel(ctx), c); err != nil {
		return core.Secret{}, Session{}, err
	}
	if c.gone {
		return core.Secret{}, Session{}, errSession("ended meanwhile")
	}
	return core.NewSecret(c.given), sessionOf(c.next), nil
}

// End logs out: no token of the session's login serves any more, on any node.
func (s *Sessions) End(ctx context.Context, of Session) error {
	row := store.Session{Tenant: of.Tenant, App: of.App, User: of.User, Family: of.Family, Device: of.Device}
	return s.o.Store.Do(context.WithoutCancel(ctx), s.endFamily(row, store.LoginEnded))
}

// Ticket makes an sso ticket of a session: it serves once, within TicketLife,
// on the session's device.
func (s *Sessions) Ticket(ctx context.Context, of Session) (core.Secret, error) {
	text, err := DrawAlphanumerics(s.o.Random, tokenLength)
	if err != nil {
		return core.Secret{}, err
	}
	ticket := ticketPrefix + text
	return core.NewSecret(ticket), s.o.Once.Put(ctx, ticketKey(ticket), of.Key[:], TicketLife)
}

func ticketKey(ticket string) []byte { return onceKey("sso ticket ", 0, ticket) }

// TakeTicket is the session that a ticket was made of, while that lasts. A
// ticket that was shown is used up, by whomever. KindUnauthenticated with the
// field sso_ticket.
func (s *Sessions) TakeTicket(ctx context.Context, app *tenant.App, ticket, fingerprint string) (Session, error) {
	value, ok, err := s.o.Once.Take(ctx, ticketKey(ticket))
	if err != nil {
		return Session{}, err
	}
	if !ok {
		return Session{}, unknownField("sso_ticket", "unknown, used or expired")
	}
	var row store.Session
	found := false
	err = s.o.View.View(ctx, func(q store.SQL) (err error) {
		row, found, err = records.SessionByKey(ctx, q, store.SessionKey(value))
		return err
	})
	if err != nil {
		return Session{}, fmt.Errorf("find a session: %w", err)
	}
	now := store.At(s.o.Now())
	if !found || row.App != app.ID || row.Tenant != app.Tenant || now >= row.Expires || row.Device != DeviceHash(s.o.Ring, app.ID, fingerprint) {
		return Session{}, unknownField("sso_ticket", "its session ended, or is another's")
	}
	return sessionOf(row), nil
}
