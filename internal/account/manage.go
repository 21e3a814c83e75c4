package account

import (
	"context"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// Standing is where a user stands, for an operator.
type Standing struct {
	Person    Person
	Disabled  bool
	LastLogin time.Time // zero: never
	Sessions  int       // logins that go on, in any app
}

// UserNamed finds the user of an id that an app of the tenant knows: u or yb and
// 26 characters, or one that was issued elsewhere. KindInvalidID, KindNotFound.
func (s *Sessions) UserNamed(ctx context.Context, app *tenant.App, text string) (core.UserID, error) {
	if len(text) == len(oneAccessPrefix)+26 && text[:1] == oneAccessPrefix && hasIssuedSyntax(uidPrefix+text[1:]) {
		text = uidPrefix + text[1:]
	}
	u, err := s.o.Aliases.Resolve(ctx, text, app.ID, true)
	if err == nil && u.Tenant != app.Tenant {
		err = core.E(core.KindNotFound, "a user of another tenant")
	}
	return u.ID, err
}

// UserOfNumber finds the user of a number. KindNotFound.
func (s *Sessions) UserOfNumber(ctx context.Context, app *tenant.App, phone core.Phone) (core.UserID, error) {
	c := &findUser{number: Number{Tenant: app.Tenant, Index: s.o.Ring.Index(phone)}}
	if err := s.o.Store.Do(ctx, c); err != nil {
		return 0, err
	}
	if c.user == 0 {
		return 0, core.E(core.KindNotFound, "no such user")
	}
	return c.user, nil
}

type findUser struct {
	number Number
	user   core.UserID // result
}

// Want names the user.
func (c *findUser) Want(b *store.Batch) { b.UserOf.Look(c.number.key()) }

// Decide reads.
func (c *findUser) Decide(b *store.Batch) error {
	u, _ := FindUser(b, c.number)
	c.user = u.ID
	return nil
}

// Standing reads where a user stands. KindNotFound.
func (s *Sessions) Standing(ctx context.Context, app *tenant.App, user core.UserID) (Standing, error) {
	person, err := s.Person(ctx, app, user)
	if err != nil {
		return Standing{}, err
	}
	st := Standing{Person: person}
	err = s.o.View.View(ctx, func(q store.SQL) error {
		row, found, err := records.StandingOf(ctx, q, user, store.At(s.o.Now()))
		if found {
			st.Disabled, st.Sessions = row.Disabled, int(row.Sessions)
			if row.LastLogin != 0 {
				st.LastLogin = row.LastLogin.Time()
			}
		}
		return err
	})
	if err != nil {
		return Standing{}, fmt.Errorf("read a user: %w", err)
	}
	return st, nil
}

// Logins lists at most limit events of a user, newest first, with ids below
// before; 0 means from the newest one on.
func (s *Sessions) Logins(ctx context.Context, user core.UserID, before core.LoginID, limit int) (events []store.LoginEvent, err error) {
	err = s.o.View.View(ctx, func(q store.SQL) error {
		events, err = records.LoginsOf(ctx, q, user, before, limit)
		return err
	})
	return events, err
}

// SetDisabled ends all sessions of a user, who gets none any more, in no app; or
// lets the user have sessions again. A dialect without sessions (yunbox) knows
// nothing of it. It tells how many tokens ended.
func (s *Sessions) SetDisabled(ctx context.Context, app *tenant.App, user core.UserID, disabled bool) (ended int, err error) {
	c := &manage{user: user, disable: &disabled, end: disabled, event: s.event(store.Session{Tenant: app.Tenant, App: app.ID, User: user}, store.LoginRevoked)}
	err = s.o.Store.Do(ctx, c)
	return c.ended, err
}

// EndAll ends all sessions of a user, in every app. It tells how many tokens
// ended.
func (s *Sessions) EndAll(ctx context.Context, app *tenant.App, user core.UserID) (ended int, err error) {
	c := &manage{user: user, end: true, event: s.event(store.Session{Tenant: app.Tenant, App: app.ID, User: user}, store.LoginRevoked)}
	err = s.o.Store.Do(ctx, c)
	return c.ended, err
}

// manage is what an operator does to a user.
type manage struct {
	user    core.UserID
	disable *bool // nil: it stays
	end     bool
	event   store.LoginEvent

	ended int // result
}

// Want names the user, the profile and the sessions.
func (c *manage) Want(b *store.Batch) {
	wantSessions(b, c.user)
	b.Profiles.Want(c.user)
}

// Decide refuses with KindNotFound.
func (c *manage) Decide(b *store.Batch) error {
	c.ended = 0
	u, found := b.Users.Get(c.user)
	if !found {
		return core.E(core.KindNotFound, "no such user")
	}
	if p, _ := b.Profiles.Get(c.user); c.disable != nil && p.Disabled != *c.disable {
		p.User, p.Tenant, p.Disabled, p.Updated = u.ID, u.Tenant, *c.disable, b.Now
		b.Profiles.Put(c.user, p)
	}
	if c.end {
		if c.ended = EndSessions(b, c.user, nil); c.ended > 0 {
			b.Logins.Put(c.event.ID, c.event)
		}
	}
	return nil
}
