package store

import "yanma.dev/yanma/internal/core"

// SessionKey is the SHA-256 of a session's token, or of what names the second
// step of a login.
type SessionKey [32]byte

// SessionKind is what a row of the sessions is.
type SessionKind uint8

// The kinds.
const (
	SessionOpen SessionKind = 1 // somebody is logged in
	SessionStep SessionKind = 2 // a login that waits for its second code (contracts/oneaccess.md §5)
)

// Session is a token that stands for a login, or for half of one. A refresh
// gives the next token of the same family; the one before is kept as long as it
// would have lived, so that its coming back is noticed.
type Session struct {
	Key      SessionKey
	Kind     SessionKind
	Family   core.LoginID // the login that it comes from
	Tenant   core.TenantID
	App      core.AppID
	User     core.UserID
	Device   uint64 // keyed hash of the fingerprint that it is bound to
	AuthTime Time   // of the login
	Expires  Time
	Replaced Time   // when the next token was given; 0: this is the newest
	Next     []byte // that token, which only the holder of this one can read; nil while there is none
}

// SameSession tells whether nothing changed but what a refresh changes.
func SameSession(was, is *Session) bool {
	return was.Kind == is.Kind && was.Family == is.Family && was.Tenant == is.Tenant && was.App == is.App && was.User == is.User &&
		was.Device == is.Device && was.AuthTime == is.AuthTime
}

// LoginKind is what happened.
type LoginKind uint8

// The kinds of login events.
const (
	LoginDone      LoginKind = 1  // logged in
	LoginNew       LoginKind = 2  // registered, and logged in
	LoginHalf      LoginKind = 3  // right, and asked for a second code
	LoginWrong     LoginKind = 4  // a wrong try was counted
	LoginLocked    LoginKind = 5  // a wrong try that locked the number
	LoginUnknown   LoginKind = 6  // right, but nobody has the number, and nobody is registered
	LoginDenied    LoginKind = 7  // right, but the user is disabled
	LoginEnded     LoginKind = 8  // logged out
	LoginReused    LoginKind = 9  // an old token came back: all tokens of its login ended
	LoginRefreshed LoginKind = 10 // a next token was given
	LoginRecycled  LoginKind = 11 // the number was unused for long: its user lost it, and all sessions ended
	LoginMoved     LoginKind = 12 // the user's number was changed, and the other sessions ended
	LoginConfirmed LoginKind = 13 // a code was right that logs nobody in
	LoginRevoked   LoginKind = 14 // an operator ended the user's sessions
)

var loginKinds = [...]string{"", "login", "register", "second_step", "wrong_code", "locked", "unknown_user", "denied", "logout",
	"token_reused", "refresh", "recycled_number", "number_changed", "confirmed", "revoked"}

// String names the kind.
func (k LoginKind) String() string {
	if k != 0 && int(k) < len(loginKinds) {
		return loginKinds[k]
	}
	return "invalid"
}

// LoginEvent is one line of the audit of logins. Its instant is its id's. It
// holds no number: the code's row has it, as long as that is kept.
type LoginEvent struct {
	ID      core.LoginID
	Tenant  core.TenantID
	App     core.AppID
	User    core.UserID // 0: nobody has the number
	Kind    LoginKind
	Purpose core.Purpose        // of the code; 0: there was none
	Code    core.VerificationID // 0: there was none
	Family  core.LoginID        // of the session; 0: there is none
	Device  uint64              // keyed hash of the fingerprint; 0: there is none
}

// Profile is what a user is beside the number. Users who said nothing of
// themselves have none.
type Profile struct {
	User     core.UserID
	Tenant   core.TenantID
	Disabled bool   // may not log in
	Body     []byte // names and so on, sealed; nil for none
	Updated  Time
}

// PutSession stores s and makes it findable in this batch.
func (b *Batch) PutSession(s Session) {
	b.Sessions.Put(s.Key, s)
	b.SessionsOf.Add(s.User, s.Key)
}

// LoadedSession hands over a row from the engine.
func (b *Batch) LoadedSession(s Session) {
	b.Sessions.Loaded(s.Key, s)
	b.SessionsOf.Add(s.User, s.Key)
}

// UserSessions are the sessions and steps of a user as the batch sees them now,
// in no order.
func (b *Batch) UserSessions(user core.UserID) []Session {
	var all []Session
	for _, key := range b.SessionsOf.Find(user) {
		if s, ok := b.Sessions.Get(key); ok && s.User == user {
			all = append(all, s)
		}
	}
	return all
}
