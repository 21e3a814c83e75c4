package verify

import (
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// signIn counts, compares, decides by the app's policy, and writes the user, the
// session and the line of the audit.
type signIn struct {
	attempt
	ring          *keyring.Ring
	device        uint64
	session       account.NewSession
	life          time.Duration
	recycledAfter time.Duration // 0: a number is never taken for another person's
	recycled      tenant.RecycledPolicy

	register  bool             // an unknown number gets a user
	mustBeNew bool             // a known number is refused
	profile   []byte           // of a new user, sealed
	second    tenant.SecondSMS // when a second code is asked for; "" = never
	step      store.SessionKey // of the step that this code ends; zero: it begins a login
	stepUser  core.UserID

	refusal    error              // result: why not; what was counted stays
	used       store.Verification // result: the code that was right
	status     SignInStatus       // result, as the rest, where refusal is nil
	profileRow store.Profile
	at         store.Time
}

// Want names what a code wants, the step, and of the user the profile, and the
// sessions where they may have to end.
func (c *signIn) Want(b *store.Batch) {
	c.attempt.Want(b)
	if c.endsStep() {
		b.Sessions.Want(c.step)
	}
	if !account.WantedUser(b, c.number) {
		return
	}
	u, found := account.FindUser(b, c.number)
	if !found {
		return
	}
	b.Profiles.Want(u.ID)
	if c.imports {
		account.WantImported(b, c.app, u)
	}
	if c.isUnseen(u, b.Now) {
		b.SessionsOf.Look(u.ID)
	}
}

func (c *signIn) endsStep() bool { return c.step != (store.SessionKey{}) }

// Decide refuses nothing that was counted: refusals are results.
func (c *signIn) Decide(b *store.Batch) error {
	c.refusal, c.used, c.status, c.login, c.profileRow, c.at = nil, store.Verification{}, 0, login{}, store.Profile{}, b.Now
	if c.endsStep() {
		if row, ok := b.Sessions.Get(c.step); !ok || row.Kind != store.SessionStep || row.Device != c.device || b.Now >= row.Expires {
			c.refusal = core.Field(core.KindUnauthenticated, "state_token")
			return nil
		}
	}
	l := c.look(b)
	if l.outcome != right {
		if l.outcome == mistake {
			c.noteWrong(b, c.session.Family, l, c.count(b, l), c.device)
		}
		c.refusal = l.refused()
		return nil
	}
	c.use(b, l)
	c.used = l.row
	return c.enter(b)
}

// enter decides what a right code leads to.
func (c *signIn) enter(b *store.Batch) error {
	u, found := account.FindUser(b, c.number)
	if found && !c.endsStep() && c.isUnseen(u, b.Now) {
		kept, err := c.recycle(b, u)
		if err != nil {
			return err
		}
		found = kept
	}
	switch {
	case c.endsStep() && (!found || u.ID != c.stepUser): // the number moved on meanwhile
		c.refusal = core.Field(core.KindUnauthenticated, "state_token")
	case !found && !c.register:
		c.note(b, store.LoginUnknown, 0)
		c.refusal = core.Field(core.KindNotFound, "user")
	case found && c.mustBeNew:
		c.note(b, store.LoginDenied, u.ID)
		c.refusal = core.Field(core.KindConflict, "mobile")
	case found && c.isDisabled(b, u):
		c.note(b, store.LoginDenied, u.ID)
		c.status, c.user = SignInDenied, u
	default:
		c.open(b, u, found)
	}
	return nil
}

// open logs in, or lets the login wait for its second code.
func (c *signIn) open(b *store.Batch, u store.User, found bool) {
	kind := store.SessionOpen
	c.status = SignInSuccess
	if c.wantsSecond(b, u, found) {
		kind, c.status = store.SessionStep, SignInMFA
	}
	fresh := newUser(c.used)
	if c.test != noTest {
		fresh = core.UserID(c.session.Family) // there is no code whose id it could have
	}
	c.login = logIn(b, c.number, c.app, fresh, 0, c.imports)
	if c.isNew && c.profile != nil {
		c.profileRow = store.Profile{User: c.user.ID, Tenant: c.user.Tenant, Body: c.profile, Updated: b.Now}
		b.Profiles.Put(c.user.ID, c.profileRow)
	} else if found {
		c.profileRow, _ = profileOf(b, c.user.ID)
	}
	row := store.Session{Key: c.session.Key, Kind: kind, Family: c.session.Family, Tenant: c.user.Tenant, App: c.app, User: c.user.ID,
		Device: c.device, AuthTime: b.Now, Expires: b.Now.Add(c.life)}
	event := store.LoginDone
	switch {
	case kind == store.SessionStep:
		row.Expires, event = b.Now.Add(StepLife), store.LoginHalf
	case c.isNew:
		event = store.LoginNew
	}
	if kind == store.SessionOpen {
		c.known.remember(b, c.user)
	}
	if c.endsStep() {
		b.Sessions.Delete(c.step)
	}
	b.PutSession(row)
	c.note(b, event, c.user.ID)
}

// note writes the line of the audit, which gives the session's family its id.
func (c *signIn) note(b *store.Batch, kind store.LoginKind, user core.UserID) {
	e := c.event(c.session.Family, kind, user, c.used.ID, c.device)
	if kind == store.LoginDone || kind == store.LoginNew || kind == store.LoginHalf {
		e.Family = c.session.Family
	}
	b.Logins.Put(e.ID, e)
}

// wantsSecond is the app's policy of the second code. A user who is new has no
// device that this one could be new to.
func (c *signIn) wantsSecond(b *store.Batch, u store.User, found bool) bool {
	switch c.second {
	case tenant.SecondAlways:
		return true
	case tenant.SecondNewDevice:
		return found && (c.device == 0 || c.known.scope(b) != c.device)
	case tenant.SecondNever:
	}
	return false
}

// isUnseen tells whether a number was unused for so long that its operator may
// have given it to another person (requirement row 45). The user of a test number
// is nobody's. An imported one was seen at the import.
func (c *signIn) isUnseen(u store.User, now store.Time) bool {
	return isUnseen(u, now, c.recycledAfter)
}

func isUnseen(u store.User, now store.Time, after time.Duration) bool {
	seen := max(u.LastLogin, store.At(core.IDTime(int64(u.ID))))
	return after > 0 && !u.Test && now >= seen.Add(after)
}

// recycle ends the sessions of a user whose number was unused for long, and
// tells whether the person may go on as that user: with step_up from a device
// that the user logged in from before, however long ago. Else the number is
// taken away from the user.
func (c *signIn) recycle(b *store.Batch, u store.User) (kept bool, err error) {
	if c.recycled == tenant.RecycledStepUp && c.device != 0 && b.Known.Has(c.known.key(u)) {
		_, kept = b.Known.Get(c.known.key(u))
	}
	if kept {
		account.EndSessions(b, u.ID, nil)
		return true, nil
	}
	id := core.LoginID(c.ids.Next())
	b.Logins.Put(id, c.event(id, store.LoginRecycled, u.ID, c.used.ID, c.device))
	return false, account.Retire(b, c.ring, u)
}

func (c *signIn) isDisabled(b *store.Batch, u store.User) bool {
	p, _ := profileOf(b, u.ID)
	return p.Disabled
}

// profileOf is a user's profile; one of a user whom this batch made is there
// only if this batch wrote it.
func profileOf(b *store.Batch, user core.UserID) (store.Profile, bool) {
	if !b.Profiles.Has(user) {
		return store.Profile{}, false
	}
	return b.Profiles.Get(user)
}
