package verify

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/numberverify/simswap"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// freshLogin is how old a login may be that changes the number by itself
// (contracts/oneaccess.md §8.5).
const freshLogin = 10 * time.Minute

// noticeLife is how long a carrier may try to deliver the notice.
const noticeLife = 24 * time.Hour

// NoticeTemplate is the name by which carriers that take no free text map the
// message that tells the old number of a change.
const NoticeTemplate = "number-changed"

// ChangePhoneRequest binds a user to a new number.
type ChangePhoneRequest struct {
	App         *tenant.App
	Session     account.Session
	Phone       core.Phone // the new number
	Code        core.Code  // that was sent to it
	OldCode     core.Code  // that was sent to the old one; zero: none came
	Fingerprint string
	EndUser     netip.Addr // the person's address; invalid when nobody told it

	Call   *idempotency.Call // nil without an Idempotency-Key
	Answer []byte            // of a success: what Call notes
}

// ChangePhone is a new binding (requirement row 28, contracts/oneaccess.md
// §8.5): a code of the new number, and a login that is not older than ten
// minutes or a code of the old number. In one commit the user gets the number,
// the old number is told by a message that is paid for, and all other sessions
// end. Neither code is used up while one of them is wrong.
//
// Errors: KindMissingField with the field old_verify_code; KindWrongCode;
// KindLocked with the time to wait (also where the app's policy distrusts the
// old number's SIM); KindConflict with the field mobile, after right codes, when
// the number is another user's or the user's own; KindUnauthenticated with the
// field session_token when it ended; KindInsufficientBalance, KindSpendCap (the
// notice can not be paid: nothing is changed); KindRateLimited, KindOverloaded,
// KindInternal.
func (s *Service) ChangePhone(ctx context.Context, r ChangePhoneRequest) error {
	now := s.now()
	fresh := now.Sub(r.Session.AuthTime) <= freshLogin
	if !fresh && r.OldCode == (core.Code{}) {
		return core.Field(core.KindMissingField, "old_verify_code")
	}
	person, err := s.aliases.Person(ctx, r.App, r.Session.User)
	if err != nil {
		return err
	}
	if !person.Phone.IsZero() {
		if err := s.sameSIM(ctx, r.App, simswap.ActionNumberChange, person.Phone, !fresh); err != nil {
			return err
		}
	}
	c, out, err := s.changePhone(r, person, fresh, now)
	if err != nil {
		return err
	}
	var command store.Command = c
	if r.Call != nil {
		command = r.Call.Around(c, http.StatusOK, func() []byte {
			if c.refusal != nil {
				return nil // a refusal is the dialect's to note
			}
			return append([]byte{}, r.Answer...)
		})
	}
	if err := s.tryCode(ctx, r.App, r.EndUser, r.Phone, core.PurposeBind, command, func() (core.MessageID, error) { return c.carrier, c.refusal }); err != nil {
		return err
	}
	if c.notified {
		out.Row = c.leased
		s.outbox.HandOff(out)
	}
	return nil
}

func (s *Service) changePhone(r ChangePhoneRequest, person account.Person, fresh bool, now time.Time) (*changePhone, outbox.Outgoing, error) {
	device := account.DeviceHash(s.ring, r.App.ID, r.Fingerprint)
	c := &changePhone{ring: s.ring, ids: s.ids, session: r.Session, fresh: fresh, event: core.LoginID(s.ids.Next()),
		payers:        billing.Payers(r.App.Tenant, r.App.ID, r.App.TenantPays, core.PoolGeneral),
		recycledAfter: time.Duration(r.App.OneAccess.RecycledDays) * 24 * time.Hour}
	var err error
	for i, purpose := range newNumberPurposes {
		if c.new[i], err = s.attempt(r.App, purpose, r.Phone, "", r.Code, device); err != nil {
			return nil, outbox.Outgoing{}, err
		}
	}
	if !fresh {
		if c.old, err = s.attempt(r.App, core.PurposeUpdateMobile, person.Phone, person.Literal, r.OldCode, device); err != nil {
			return nil, outbox.Outgoing{}, err
		}
	}
	if person.Phone.IsZero() {
		return c, outbox.Outgoing{}, nil // a test number is told nothing
	}
	out, err := s.notice(r, person.Phone, c, now)
	return c, out, err
}

// notice prepares the message to the old number.
func (s *Service) notice(r ChangePhoneRequest, old core.Phone, c *changePhone, now time.Time) (outbox.Outgoing, error) {
	text := noticeText(r.App, r.Phone)
	params := map[string]string{"mobile": r.Phone.Masked()}
	body, err := s.ring.Seal(outbox.BodyField, outbox.AppendContent(nil, text, params))
	if err != nil {
		return outbox.Outgoing{}, err
	}
	sealed, err := s.ring.SealPhone(old)
	if err != nil {
		return outbox.Outgoing{}, err
	}
	segments := message.SegmentCount(old, text)
	c.notice = store.Message{ID: core.MessageID(s.ids.Next()), Tenant: r.App.Tenant, App: r.App.ID, Channel: core.ChannelSMS,
		Price: r.App.SMSPrice * core.Credits(segments), Segments: uint8(segments), Phone: sealed, Body: body, Template: NoticeTemplate,
		ValidUntil: store.At(now.Add(noticeLife)), Report: r.App.CallbackURL != ""}
	c.capped = r.App.Caps.Of(r.App.ID, guard.Region(old), r.App.DayZone(), now)
	return outbox.Outgoing{To: old, Text: text, From: r.App.Sender, Params: params}, nil
}

// noticeText tells where the account went, and what to do about it.
func noticeText(app *tenant.App, to core.Phone) string {
	return fmt.Sprintf("【%s】您的账号绑定的手机号已更换为%s。如非本人操作，请立即联系我们。", app.Template.Signature, to.Masked())
}

// newNumberPurposes are for what a code of the new number may have been sent.
var newNumberPurposes = [...]core.Purpose{core.PurposeUpdateMobile, core.PurposeBind}

// changePhone moves a user to another number.
type changePhone struct {
	ring          *keyring.Ring
	ids           *core.IDs
	session       account.Session
	new           [len(newNumberPurposes)]attempt
	old           attempt // where the login is not fresh
	fresh         bool
	event         core.LoginID
	payers        []billing.Payer
	capped        *billing.Capped
	notice        store.Message // no id: nobody is told
	recycledAfter time.Duration

	refusal  error          // result
	carrier  core.MessageID // result: of the code that was right
	notified bool           // result
	leased   store.Message  // result: the notice as it was stored
}

// Want names both codes and users, the sessions and what pays the notice.
func (c *changePhone) Want(b *store.Batch) {
	b.Users.Want(c.session.User)
	b.SessionsOf.Look(c.session.User)
	b.Sessions.Want(c.session.Key)
	b.Profiles.Want(c.session.User)
	account.WantUser(b, c.new[0].number)
	for i := range c.new {
		c.new[i].Want(b)
	}
	b.FailureOf.Want(c.loginFailures())
	if !c.fresh {
		c.old.Want(b)
		if c.old.test == noTest {
			account.WantUser(b, c.old.number)
		}
	}
	if u, found := account.FindUser(b, c.new[0].number); found && isUnseen(u, b.Now, c.recycledAfter) {
		b.SessionsOf.Look(u.ID)
	}
	if c.notice.ID != 0 {
		for _, p := range c.payers {
			billing.Want(b, p)
		}
		c.capped.Want(b)
	}
}

// loginFailures are the wrong tries to log in with the new number: who binds it
// anew clears them (contracts/README.md §5).
func (c *changePhone) loginFailures() store.FailureKey {
	return store.FailureKey{App: c.session.App, Purpose: core.PurposeLogin, Index: c.new[0].number.Index.Lookup()}
}

// Decide refuses with KindInsufficientBalance or KindSpendCap, and then nothing
// is counted; all other refusals are results.
func (c *changePhone) Decide(b *store.Batch) error {
	c.refusal, c.carrier, c.notified = nil, 0, false
	user, found := b.Users.Get(c.session.User)
	row, open := b.Sessions.Get(c.session.Key)
	if p, _ := b.Profiles.Get(c.session.User); !found || !open || b.Now >= row.Expires || p.Disabled {
		c.refusal = core.Field(core.KindUnauthenticated, "session_token")
		return nil
	}
	new, l := c.lookNew(b)
	var old looked
	if !c.fresh {
		if old = c.old.look(b); old.outcome != right {
			c.wrong(b, &c.old, old, user)
			return nil
		}
	}
	if l.outcome != right {
		c.wrong(b, new, l, user)
		return nil
	}
	new.use(b, l)
	c.carrier = l.row.Message
	if !c.fresh {
		c.old.use(b, old)
	}
	return c.move(b, user, new, l)
}

// lookNew gives the attempt that is right, or else one that a wrong try counts
// for.
func (c *changePhone) lookNew(b *store.Batch) (*attempt, looked) {
	best := 0
	var all [len(newNumberPurposes)]looked
	for i := range c.new {
		all[i] = c.new[i].look(b)
		if all[i].outcome > all[best].outcome {
			best = i
		}
	}
	return &c.new[best], all[best]
}

// wrong counts a wrong try.
func (c *changePhone) wrong(b *store.Batch, a *attempt, l looked, user store.User) {
	if l.outcome == mistake {
		kind := store.LoginWrong
		if a.count(b, l) {
			kind = store.LoginLocked
		}
		e := a.event(c.event, kind, user.ID, l.row.ID, c.session.Device)
		e.Family = c.session.Family
		b.Logins.Put(e.ID, e)
	}
	c.refusal = l.refused()
}

// move binds the user to the number.
func (c *changePhone) move(b *store.Batch, user store.User, new *attempt, l looked) error {
	holder, held := account.FindUser(b, new.number)
	if held && holder.ID != user.ID && isUnseen(holder, b.Now, c.recycledAfter) {
		if err := account.Retire(b, c.ring, holder); err != nil {
			return err
		}
		id := core.LoginID(c.ids.Next())
		b.Logins.Put(id, new.event(id, store.LoginRecycled, holder.ID, l.row.ID, 0))
		held = false
	}
	if held {
		c.refusal = core.Field(core.KindConflict, "mobile")
		e := new.event(c.event, store.LoginDenied, user.ID, l.row.ID, c.session.Device)
		b.Logins.Put(e.ID, e)
		return nil
	}
	if c.notice.ID != 0 {
		if err := outbox.Enqueue(b, c.ids, billing.Able(b, c.payers, c.notice.Price), c.capped, c.notice); err != nil {
			return err
		}
		c.leased, _ = b.Messages.Get(c.notice.ID)
		c.notified = true
	}
	account.Move(b, user, new.number)
	account.EndSessions(b, user.ID, &c.session.Family)
	for _, id := range b.FailureOf.Find(c.loginFailures()) {
		b.Failures.Delete(id)
	}
	e := new.event(c.event, store.LoginMoved, user.ID, l.row.ID, c.session.Device)
	e.Family = c.session.Family
	b.Logins.Put(e.ID, e)
	return nil
}
