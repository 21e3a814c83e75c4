package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
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
	"yanma.dev/yanma/internal/tunnel"
)

// Store runs commands.
type Store interface {
	Do(ctx context.Context, c store.Command) error
}

// Outbox takes messages whose commit is on disk.
type Outbox interface {
	HandOff(out outbox.Outgoing)
}

// Networks makes the tunnel network of a user (internal/tunnel).
type Networks interface {
	// Outside tells whether that takes a call out of the process.
	Outside() bool
	// ProvisionUser makes it. KindProvisioningUnreachable or
	// KindProvisioningRefused when it can not; nothing is created then.
	ProvisionUser(ctx context.Context, u tunnel.UserNetwork) (number int64, err error)
}

// Conversions are told which codes people enter (internal/route): how well the
// carriers of those codes do.
type Conversions interface {
	// Verified tells that the code of a message was entered.
	Verified(message core.MessageID)
}

// SIMs tell whether a number's SIM is still the same, by the app's policy
// (internal/numberverify/simswap).
type SIMs interface {
	// Allow is nil, or a KindLocked. challenged: the person has shown something
	// beside the SIM.
	Allow(ctx context.Context, app *tenant.App, action simswap.Action, phone core.Phone, challenged bool) error
}

// Service sends and checks codes.
type Service struct {
	sentry   Sentry
	sims     SIMs
	entered  Conversions
	store    Store
	outbox   Outbox
	limiter  guard.Limiter
	networks Networks
	ring     *keyring.Ring
	aliases  *account.Aliases
	ids      *core.IDs
	now      func() time.Time
	random   io.Reader
	log      *slog.Logger
	policy   guard.FailurePolicy
	checker  codeChecker
}

// Options are what a Service is made of; all are required, but for what says
// that it is not.
type Options struct {
	Store    Store
	Outbox   Outbox
	Limiter  guard.Limiter
	Networks Networks
	Ring     *keyring.Ring
	Aliases  *account.Aliases
	IDs      *core.IDs
	Now      func() time.Time
	Random   io.Reader // cryptographic
	Log      *slog.Logger
	Policy   guard.FailurePolicy

	Conversions Conversions // optional
	Sentry      Sentry      // optional: without, everything passes
	SIMs        SIMs        // optional: without, nobody is asked whatever the app's policy says
}

// New returns a service.
func New(o Options) *Service {
	if o.Sentry == nil {
		o.Sentry = allowAll{}
	}
	return &Service{sentry: o.Sentry, sims: o.SIMs, entered: o.Conversions, store: o.Store, outbox: o.Outbox, limiter: o.Limiter, networks: o.Networks, ring: o.Ring, aliases: o.Aliases,
		ids: o.IDs, now: o.Now, random: o.Random, log: o.Log, policy: o.Policy, checker: o.Ring}
}

// StartRequest asks for a code.
type StartRequest struct {
	App     *tenant.App
	Phone   core.Phone
	Purpose core.Purpose
	Channel core.Channel
	EndUser netip.Addr // the person's address; invalid when nobody told it

	// Challenged says that the person solved a challenge in this request;
	// CanChallenge that the dialect can ask for one. Where it can not, what would
	// ask for one refuses.
	Challenged, CanChallenge bool

	// Wording makes the text of a code in the caller's own words; nil: the app's
	// template. The text begins with a signature where its number needs one.
	Wording func(code core.Code) string

	Language core.Language     // of a call
	Code     core.Code         // the caller's own; zero: one is drawn
	Length   int               // digits of a drawn one; 0: the app's
	Life     time.Duration     // 0: the app's; at most LongestCode, and 600 s but for PurposeCode
	Pool     core.Pool         // which of the app's balances pays first
	Price    core.Credits      // of a segment, where Priced
	Priced   bool              // otherwise the app's price of an SMS
	Template string            // by which carriers that take no free text map it; "": the app's, or none for a Wording
	Params   map[string]string // of Template, without the code
	Limits   *guard.Rules      // nil: the app's for such a dialect
	Report   bool              // the app is told what becomes of the message

	Failures    *guard.FailurePolicy // nil: the service's; see OneAccessPolicy
	Fingerprint string               // of the end user's device; "" when the dialect has none

	again core.VerificationID // the code that gets new digits; 0: a new one

	Call     *idempotency.Call                   // nil without an Idempotency-Key
	Answer   []byte                              // of a success: what Call notes
	AnswerOf func(id core.VerificationID) []byte // the same, where the answer says which code it is
}

// LongestCode is the life of a code at most, of one that has an id of its own
// (contracts/README.md §5).
const LongestCode = 24 * time.Hour

// RingTime is how long after its acceptance a call may be answered: the life of
// a code that is spoken begins with the answer, or at the end of this time
// (contracts/jsms.md §3).
const RingTime = 180 * time.Second

// setDefaults fills in what the app says.
func (r *StartRequest) setDefaults() {
	if r.Length == 0 {
		r.Length = r.App.CodeLength
	}
	if r.Life == 0 {
		r.Life = r.App.CodeLife
	}
	if !r.Priced {
		r.Price = r.App.SMSPrice
	}
	if r.Template == "" && r.Wording == nil { // a carrier's template would say other words than the caller's
		r.Template = r.App.CodeTemplate
	}
	switch {
	case r.Limits != nil:
	case r.CanChallenge:
		r.Limits = &r.App.Limits
	default:
		r.Limits = &r.App.Unchallenged
	}
}

// Started is a code on its way.
type Started struct {
	Verification core.VerificationID
	Expires      time.Time
}

// Start sends a code: it is stored, paid for and queued when Start returns;
// the carrier is not waited for. Errors: KindLocked, KindRateLimited,
// KindChallengeRequired and KindBlocked (the fraud guard), KindSpendCap,
// KindInsufficientBalance, KindOverloaded, KindInternal.
func (s *Service) Start(ctx context.Context, r StartRequest) (Started, error) {
	// A caller who hangs up after the commit must not keep the message from
	// being handed to its sender.
	ctx = context.WithoutCancel(ctx)
	now := s.now()
	c, out, err := s.prepare(&r, now)
	if err != nil {
		return Started{}, err
	}
	who := s.suspect(r.App, r.Phone, r.EndUser, r.Purpose)
	who.Elsewhere = r.Code != (core.Code{})
	who.Channel, who.Challenged = r.Channel, r.Challenged
	var space [8]guard.Bucket
	taken, err := s.limiter.Take(ctx, now, r.Limits.SendBuckets(space[:0], guard.SendSubject{Keys: s.ring,
		Phone: who.Number, App: r.App.ID, Tenant: r.App.Tenant, IP: r.EndUser, Content: guard.ContentOf(out.Text)}))
	if err != nil {
		return Started{}, s.lockedOr(ctx, c, err)
	}
	for _, rule := range taken.Alerts {
		s.log.Warn("verify: a limit asks for attention", "rule", rule, "phone", r.Phone, "app", int64(r.App.ID))
	}
	if err := s.admit(ctx, now, &r, who, taken.Challenge); err != nil {
		s.limiter.GiveBack(ctx, taken)
		return Started{}, err
	}
	c.journal = taken.Journal(nil)
	if err := s.store.Do(ctx, s.startOnce(r, c)); err != nil {
		if leftNoTrace(err) {
			s.limiter.GiveBack(ctx, taken)
			s.sentry.GiveBack(now, r.App, who)
		}
		return Started{}, err
	}
	out.Row = c.leased
	s.outbox.HandOff(out)
	return Started{Verification: c.row.ID, Expires: c.row.Expires.Time()}, nil
}

// sameSIM asks what the app's policy wants to know of the number's SIM, while
// nothing is decided yet (requirement row 27).
func (s *Service) sameSIM(ctx context.Context, app *tenant.App, action simswap.Action, phone core.Phone, challenged bool) error {
	if s.sims == nil {
		return nil
	}
	return s.sims.Allow(ctx, app, action, phone, challenged)
}

// leftNoTrace tells whether a command certainly did nothing, so that what its
// limits counted is given back. Otherwise a failed store may have kept the code.
func leftNoTrace(err error) bool {
	return core.KindOf(err) != core.KindInternal || errors.Is(err, store.ErrNotCommitted) || errors.Is(err, store.ErrAgain)
}

// lockedOr prefers the answer that the number is locked to the limit's.
func (s *Service) lockedOr(ctx context.Context, c *startVerification, limited error) error {
	err := s.store.Do(ctx, &lockCheck{policy: c.policy, key: c.failureKey(), known: c.known})
	if errors.Is(err, core.E(core.KindLocked, "")) {
		return err
	}
	return limited
}

// prepare makes everything that needs no row: the code, its tag, the text, the
// sealed fields.
func (s *Service) prepare(r *StartRequest, now time.Time) (*startVerification, outbox.Outgoing, error) {
	r.setDefaults()
	code := r.Code
	if code == (core.Code{}) {
		drawn, err := NewCode(s.random, r.Length)
		if err != nil {
			return nil, outbox.Outgoing{}, err
		}
		code = drawn
	}
	text, err := wordingOf(r, code)
	if err != nil {
		return nil, outbox.Outgoing{}, fmt.Errorf("render a code message: %w", err)
	}
	id, messageID := core.VerificationID(s.ids.Next()), core.MessageID(s.ids.Next())
	if r.again != 0 {
		id = r.again
	}
	tag, err := s.ring.SignCode(keyring.CodeContext{Verification: id, App: r.App.ID, Purpose: r.Purpose, Phone: r.Phone}, code)
	if err != nil {
		return nil, outbox.Outgoing{}, err
	}
	number, err := account.RealNumber(s.ring, r.App.Tenant, r.Phone)
	if err != nil {
		return nil, outbox.Outgoing{}, err
	}
	params := message.CodeParams(code, r.Life)
	maps.Copy(params, r.Params)
	body, err := s.ring.Seal(outbox.BodyField, outbox.AppendContent(nil, text, params))
	if err != nil {
		return nil, outbox.Outgoing{}, err
	}
	expires := store.At(now.Add(r.Life))
	validUntil := expires
	if r.Channel == core.ChannelVoice {
		expires, validUntil = expires.Add(RingTime), store.At(now.Add(RingTime))
	}
	segments := 1 // a call
	if r.Channel != core.ChannelVoice {
		segments = message.SegmentCount(r.Phone, text)
	}
	c := &startVerification{
		policy: s.policyOf(r), ids: s.ids, payers: billing.Payers(r.App.Tenant, r.App.ID, r.App.TenantPays, r.Pool),
		capped:    r.App.Caps.Of(r.App.ID, guard.Region(r.Phone), r.App.DayZone(), now),
		supersede: r.Purpose != core.PurposeCode,
		known:     knownScope{app: r.App.ID, number: number, hash: s.knownOf(r)},
		row: store.Verification{ID: id, Tenant: r.App.Tenant, App: r.App.ID, Purpose: r.Purpose, Channel: r.Channel,
			Index: number.Index, Expires: expires, CodeKey: tag.Key, CodeSalt: tag.Salt, CodeMAC: tag.MAC, Message: messageID},
		message: store.Message{ID: messageID, Tenant: r.App.Tenant, App: r.App.ID, Verification: id, Channel: r.Channel,
			Price: r.Price * core.Credits(segments), Segments: uint8(segments), Phone: number.Sealed, Body: body, Template: r.Template,
			ValidUntil: validUntil, Report: r.Report || r.App.CallbackURL != ""},
	}
	return c, outbox.Outgoing{To: r.Phone, Text: text, From: r.App.Sender, Params: params}, nil
}

func wordingOf(r *StartRequest, code core.Code) (string, error) {
	if r.Channel == core.ChannelVoice {
		return core.Speech{Code: code, Language: r.Language}.Text(), nil
	}
	if r.Wording != nil {
		return r.Wording(code), nil
	}
	return message.RenderCode(r.App.Template, code, r.Life)
}

// policyFor is how many wrong tries a number may take. The pause after five of
// them is about logins (contracts/yunbox.md §4.2); a code that proves a number
// has its own five only (contracts/README.md §5, camara.md §3.2).
func (s *Service) policyFor(p core.Purpose) guard.FailurePolicy {
	policy := s.policy
	if p == core.PurposeVerify || p == core.PurposeCode {
		policy.Pause = 0
	}
	return policy
}

func (s *Service) policyOf(r *StartRequest) guard.FailurePolicy {
	if r.Failures != nil {
		return *r.Failures
	}
	return s.policyFor(r.Purpose)
}

// knownOf names the counters of the end user's device, or else address.
func (s *Service) knownOf(r *StartRequest) uint64 {
	if r.Fingerprint != "" {
		return account.DeviceHash(s.ring, r.App.ID, r.Fingerprint)
	}
	return s.scopeOf(r.EndUser)
}

func payerOf(a *tenant.App, pool core.Pool) billing.Payer {
	return billing.PayerOf(a.Tenant, a.ID, a.TenantPays, pool)
}

// scopeKind separates addresses of failure scopes from limit subjects.
const scopeKind = 0x7f

// scopeOf names the counters of an end user's address: an IPv4 address, or an
// IPv6 /64.
func (s *Service) scopeOf(ip netip.Addr) uint64 {
	if !ip.IsValid() {
		return 0
	}
	ip = ip.Unmap()
	raw := ip.AsSlice()
	if ip.Is6() {
		raw = raw[:8]
	}
	return s.ring.LimitSubjectBytes(scopeKind, 0, raw)
}

// LoginRequest answers a code in order to log in.
type LoginRequest struct {
	App     *tenant.App
	Phone   core.Phone
	Code    core.Code
	EndUser netip.Addr // the person's address; invalid when nobody told it

	Call   *idempotency.Call            // nil without an Idempotency-Key
	Answer func(userText string) []byte // of a success: what Call notes
}

// LoggedIn is a login on disk.
type LoggedIn struct {
	User     core.UserID
	UserText string // the user's id as the app sees it
	New      bool   // registered just now
}

// Login checks a code and logs its number in, registering it at the first
// time. Errors: KindWrongCode, KindInsufficientBalance, KindRateLimited (the
// end user's address failed too often), KindProvisioningUnreachable,
// KindProvisioningRefused, KindOverloaded, KindInternal.
func (s *Service) Login(ctx context.Context, r LoginRequest) (LoggedIn, error) {
	ctx = context.WithoutCancel(ctx) // nor leave a claim that nobody commits or releases
	now := s.now()
	var space [4]guard.Bucket
	failed := r.App.Unchallenged.IPCheckFailed.ForIP(space[:0], s.ring, r.EndUser, uint32(r.App.ID))
	if len(failed) > 0 {
		if v, err := s.limiter.Peek(ctx, now, failed); err != nil {
			return LoggedIn{}, err
		} else if err := v.Refused(); err != nil {
			return LoggedIn{}, err
		}
	}
	guess, err := s.guessing(now, r.App, r.Phone, r.EndUser, core.PurposeLogin)
	if err != nil {
		return LoggedIn{}, err
	}
	if err := s.sameSIM(ctx, r.App, simswap.ActionLogin, r.Phone, false); err != nil {
		return LoggedIn{}, err
	}
	c, err := s.check(r)
	if err != nil {
		return LoggedIn{}, err
	}
	if err := s.store.Do(ctx, s.checkOnce(r, c)); err != nil {
		return LoggedIn{}, err
	}
	switch c.verdict {
	case verified:
		guess.right()
		s.converted(c.row.Message)
		return s.loggedIn(r.App, c.login), nil
	case claimed:
		in, err := s.provision(ctx, r, c)
		if err == nil {
			guess.right()
		}
		return in, err
	case wrong:
		guess.wrong()
		if len(failed) > 0 {
			_, _ = s.limiter.Take(ctx, now, failed) // a refusal now comes with the next request
		}
	}
	return LoggedIn{}, core.E(core.KindWrongCode, "")
}

// check is the command that answers a code.
func (s *Service) check(r LoginRequest) (*checkCode, error) {
	number, err := account.RealNumber(s.ring, r.App.Tenant, r.Phone)
	if err != nil {
		return nil, err
	}
	return &checkCode{policy: s.policy, checker: s.checker, ids: s.ids, app: r.App.ID, purpose: core.PurposeLogin, phone: r.Phone, guess: r.Code,
		number: number, known: knownScope{app: r.App.ID, number: number, hash: s.scopeOf(r.EndUser)},
		payer: payerOf(r.App, core.PoolGeneral), price: r.App.LoginPrice, outside: s.networks.Outside(),
		imports: r.App.ImportedUsers, longest: max(r.App.CodeLife, longestLife) + clockStep}, nil
}

// provision makes the network of a first login between claim and commit.
func (s *Service) provision(ctx context.Context, r LoginRequest, c *checkCode) (LoggedIn, error) {
	network, err := s.provisionUser(ctx, r.App, c.owner, false)
	if err != nil {
		if undo := s.store.Do(ctx, s.release(c)); undo != nil {
			s.log.Error("verify: a claim could not be released; it lapses by itself", "error", undo.Error())
		}
		return LoggedIn{}, err
	}
	commit := s.commit(c, network)
	if err := s.store.Do(ctx, s.commitOnce(r, commit)); err != nil {
		return LoggedIn{}, err
	}
	s.converted(c.row.Message)
	return s.loggedIn(r.App, commit.login), nil
}

// converted tells that a code was entered.
func (s *Service) converted(carrier core.MessageID) {
	if s.entered != nil && carrier != 0 {
		s.entered.Verified(carrier)
	}
}

func (s *Service) commit(c *checkCode, network int64) *commitClaim {
	return &commitClaim{ids: s.ids, claimed: c.row, number: c.number, known: c.known, fresh: c.owner, network: network, imports: c.imports}
}

func (s *Service) release(c *checkCode) *releaseClaim {
	return &releaseClaim{ids: s.ids, claimed: c.row}
}

func (s *Service) provisionUser(ctx context.Context, app *tenant.App, user core.UserID, test bool) (int64, error) {
	return s.networks.ProvisionUser(ctx, tunnel.UserNetwork{Tenant: app.Tenant, App: app.ID, User: user,
		UserText: s.aliases.Text(app.Tenant, app.ID, user), Test: test})
}

func (s *Service) loggedIn(app *tenant.App, l login) LoggedIn {
	text := l.alias
	if text == "" {
		text = s.aliases.Text(app.Tenant, app.ID, l.user.ID)
	}
	return LoggedIn{User: l.user.ID, UserText: text, New: l.isNew}
}
