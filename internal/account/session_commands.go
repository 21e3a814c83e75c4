package account

import (
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Commands that touch the sessions of a user name the user too: its row is what
// nodes wait for, so that none misses a session that another one is adding.

// wantSessions names a user and all sessions.
func wantSessions(b *store.Batch, user core.UserID) {
	b.Users.Want(user)
	b.SessionsOf.Look(user)
}

// EndSessions ends the sessions and half logins of a user that the batch has
// loaded, but for the login keep (nil: all). It tells how many went.
func EndSessions(b *store.Batch, user core.UserID, keep *core.LoginID) (ended int) {
	for _, row := range b.UserSessions(user) {
		if keep == nil || row.Family != *keep {
			b.Sessions.Delete(row.Key)
			ended++
		}
	}
	return ended
}

// endFamily ends all tokens of a login.
type endFamily struct {
	row   store.Session // user and family
	event store.LoginEvent
}

// Want names the user's sessions.
func (c *endFamily) Want(b *store.Batch) { wantSessions(b, c.row.User) }

// Decide notes it where there was anything to end.
func (c *endFamily) Decide(b *store.Batch) error {
	ended := 0
	for _, row := range b.UserSessions(c.row.User) {
		if row.Family == c.row.Family {
			b.Sessions.Delete(row.Key)
			ended++
		}
	}
	if ended > 0 {
		b.Logins.Put(c.event.ID, c.event)
	}
	return nil
}

// refresh gives a session's next token, or the one that was given just now.
type refresh struct {
	row   store.Session // as it was found
	token string        // the row's
	fresh string        // the next one, if there is none yet
	life  time.Duration
	event store.LoginEvent

	given string        // result: the next token
	next  store.Session // result: its row
	gone  bool          // result: there is nothing to refresh
}

// Want names the user, the session, and the one that replaced it.
func (c *refresh) Want(b *store.Batch) {
	b.Users.Want(c.row.User)
	b.Sessions.Want(c.row.Key)
	if row, ok := b.Sessions.Get(c.row.Key); ok && row.Replaced != 0 {
		b.Sessions.Want(SessionKeyOf(nextOf(c.token, row.Next)))
	}
}

// Decide leaves to Find what came too late.
func (c *refresh) Decide(b *store.Batch) error {
	c.given, c.next, c.gone = "", store.Session{}, false
	row, ok := b.Sessions.Get(c.row.Key)
	switch {
	case !ok || b.Now >= row.Expires || isStale(row, b.Now):
		c.gone = true
	case row.Replaced != 0:
		c.again(b, row)
	default:
		c.given = c.fresh
		c.next = row
		c.next.Key, c.next.Expires = SessionKeyOf(c.fresh), b.Now.Add(c.life)
		b.PutSession(c.next)
		row.Replaced, row.Next = b.Now, underPad(c.token, c.fresh)
		b.PutSession(row)
		b.Logins.Put(c.event.ID, c.event)
	}
	return nil
}

// again gives the token that replaced this one.
func (c *refresh) again(b *store.Batch, row store.Session) {
	c.given = nextOf(c.token, row.Next)
	key := SessionKeyOf(c.given)
	if c.gone = !b.Sessions.Has(key); !c.gone {
		var ok bool
		c.next, ok = b.Sessions.Get(key)
		c.gone = !ok
	}
}
