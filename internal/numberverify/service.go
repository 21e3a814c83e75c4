package numberverify

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"slices"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/breaker"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// DefaultLimit is how long one question may take in all (contracts/carriers.md §1).
const DefaultLimit = 5 * time.Second

// DefaultBreaker is when a gateway rests (contracts/carriers.md §1).
func DefaultBreaker() breaker.Rule {
	return breaker.Rule{Failures: 10, Within: 30 * time.Second, Rest: 15 * time.Second}
}

// DefaultLives are how long a reported proof lives, by carrier
// (contracts/carriers.md §5).
func DefaultLives() map[Carrier]time.Duration {
	return map[Carrier]time.Duration{CarrierMobile: 120 * time.Second, CarrierUnicom: 1800 * time.Second, CarrierTelecom: 600 * time.Second}
}

// Store runs commands.
type Store interface {
	Do(ctx context.Context, c store.Command) error
}

// Route is one gateway as the installation uses it.
type Route struct {
	Gateway Gateway
	Apps    []core.AppID // that may use it; none: all
	Device  *DeviceRoute // how a browser gets a proof for it; nil: it is not offered to browsers
}

func (r *Route) serves(app core.AppID) bool {
	return len(r.Apps) == 0 || slices.Contains(r.Apps, app)
}

// Options are what a Service is made of; Limit, Breaker, Lives and Hold have
// defaults, Routes may be empty.
type Options struct {
	Store  Store
	Ring   *keyring.Ring
	IDs    *core.IDs
	Now    func() time.Time
	Log    *slog.Logger
	Routes []Route // in the order in which they are tried

	Limit   time.Duration             // of one question [DefaultLimit]
	Breaker breaker.Rule              // [DefaultBreaker]
	Lives   map[Carrier]time.Duration // of reported proofs [DefaultLives]
	Hold    time.Duration             // after which a crash's reservation is given back [Limit + 55 s]

	// Alone says that no other process writes the store: a question costs one
	// commit then (docs/adr/0030-one-commit-a-question.md).
	Alone bool

	// ProofKeys tells at the start which proofs have rows, so that Alone new ones
	// need not be looked up; nil: each is.
	ProofKeys ProofKeys
}

// Service asks carriers and charges for their answers.
type Service struct {
	o      Options
	routes []*route
	undo   undoer

	underway underway
}

// route is a gateway with its breaker and its tally.
type route struct {
	Route
	breaker *breaker.Breaker
	tally   tally
}

// New returns a service. Start it, so that charges of withheld answers are
// given back.
func New(o Options) *Service {
	if o.Limit == 0 {
		o.Limit = DefaultLimit
	}
	if o.Breaker == (breaker.Rule{}) {
		o.Breaker = DefaultBreaker()
	}
	lives := DefaultLives()
	for c, life := range o.Lives {
		lives[c] = life
	}
	o.Lives = lives
	if o.Hold == 0 {
		o.Hold = o.Limit + 55*time.Second
	}
	s := &Service{o: o}
	for _, r := range o.Routes {
		s.routes = append(s.routes, &route{Route: r, breaker: breaker.New(o.Breaker, o.Now)})
	}
	s.undo.init(s)
	s.underway.init()
	if o.Alone && o.ProofKeys != nil {
		s.underway.recall.init(o.Now())
	}
	return s
}

// Verify asks whether a proof's SIM has a number. The price is on disk before
// the answer; an error costs nothing. Errors: *Error; KindInsufficientBalance,
// KindBadField, KindForbidden (the proof's gateways can not compare what is
// asked), KindOverloaded, KindInternal; idempotency.ErrAnswered.
func (s *Service) Verify(ctx context.Context, r VerifyRequest) (Verified, error) {
	q := &question{app: r.App, proof: r.Proof, kind: kindVerify, price: r.App.VerifyPrice, call: r.Call}
	q.ask = Question{Token: r.Proof.Token, Requester: r.Requester, Phone: r.Phone, Hash: r.Hash, Browser: r.Browser}
	if r.Answer != nil {
		q.answer = func(a Answer, err error) (int, []byte) { return r.Answer(q.verified(a), err) }
	}
	a, err := s.run(ctx, q)
	if err != nil {
		return Verified{}, err
	}
	return q.verified(a), nil
}

// Fetch asks for the number of a proof's SIM. Otherwise like Verify.
func (s *Service) Fetch(ctx context.Context, r FetchRequest) (Fetched, error) {
	q := &question{app: r.App, proof: r.Proof, kind: kindFetch, price: r.App.FetchPrice, call: r.Call}
	q.ask = Question{Token: r.Proof.Token, Requester: r.Requester, Auth: r.Auth}
	if r.Answer != nil {
		q.answer = func(a Answer, err error) (int, []byte) { return r.Answer(q.fetched(a), err) }
	}
	a, err := s.run(ctx, q)
	if err != nil {
		return Fetched{}, err
	}
	return q.fetched(a), nil
}

// run takes a question from the first look at it to its answer on disk.
func (s *Service) run(ctx context.Context, q *question) (Answer, error) {
	if err := q.check(); err != nil {
		return Answer{}, err
	}
	// A caller who hangs up must not keep a charge from being settled or given
	// back, nor its proof's use from being noted.
	ctx = context.WithoutCancel(ctx)
	q.keys = s.keysOf(q.proof.Token)
	defer s.enter(q)()
	if err := s.look(ctx, q); err != nil {
		return Answer{}, err
	}
	turn, err := s.choose(ctx, q)
	if err != nil {
		return Answer{}, err
	}
	if err := s.mayAsk(q); err != nil {
		turn.cancel()
		return Answer{}, err
	}
	begun, err := s.begin(ctx, q)
	if err != nil {
		turn.cancel()
		if core.KindOf(err) == core.KindInternal && !errors.Is(err, store.ErrNotCommitted) {
			s.undo.add(q.id, nil) // it may be on disk all the same
		}
		return Answer{}, err
	}
	answer, err := s.ask(ctx, q, turn)
	if err != nil {
		return Answer{}, s.fail(ctx, q, begun, turn, err)
	}
	return answer, s.settle(ctx, q, begun, turn, answer)
}

// question is one request on its way.
type question struct {
	app    *tenant.App
	proof  Proof
	kind   uint8
	price  core.Credits
	ask    Question
	call   caller
	answer func(Answer, error) (status int, body []byte)

	keys    []store.ProofKey
	carrier Carrier
	id      core.NumberCheckID

	available core.Credits // Alone: as the look found them
	refused   error
	known     bool         // Alone: the proof has a row
	isNew     bool         // Alone: it certainly has none
	busy      bool         // Alone: another question has the proof
	once      bool         // one commit is enough: nothing is reserved on disk
	held      core.Credits // counted in memory in its place
}

func (q *question) check() error {
	token := len(q.proof.Token.Reveal())
	switch {
	case token == 0 || token > LongestToken:
		return core.Field(core.KindBadField, "token")
	case q.proof.Carrier > CarrierTelecom:
		return core.Field(core.KindBadField, "type")
	case q.kind == kindVerify && q.ask.Phone.IsZero() && q.ask.Hash == [32]byte{}:
		return core.Field(core.KindBadField, "phone")
	}
	return nil
}

func (q *question) verified(a Answer) Verified {
	return Verified{ID: q.id, Identical: a.Outcome == OutcomeMatch, Carrier: q.carrier, Code: a.Code}
}

func (q *question) fetched(a Answer) Fetched {
	return Fetched{ID: q.id, Phone: a.Phone, Carrier: q.carrier, Code: a.Code}
}

// compare is what a number that a carrier told says about the question.
func (q *question) compare(phone core.Phone) Outcome {
	want, have := q.ask.Hash, sha256.Sum256([]byte(phone.E164()))
	if !q.ask.Phone.IsZero() {
		want = sha256.Sum256([]byte(q.ask.Phone.E164()))
	}
	if subtle.ConstantTimeCompare(want[:], have[:]) == 1 {
		return OutcomeMatch
	}
	return OutcomeMismatch
}

// ask asks the chosen gateway, and the next ones while nothing of the proof has
// left. The whole takes at most the limit.
func (s *Service) ask(ctx context.Context, q *question, t *turn) (Answer, error) {
	if !q.proof.Number.IsZero() {
		return t.told(q)
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Limit)
	defer cancel()
	for {
		answer, err := t.call(ctx, q)
		if err == nil {
			return answer, nil
		}
		e := classified(ctx, err)
		s.note(t.route, e)
		if e.Sent || ctx.Err() != nil || !t.next() {
			return Answer{}, e
		}
	}
}

// classified makes an *Error of whatever a gateway returned.
func classified(ctx context.Context, err error) *Error {
	if e, ok := AsError(err); ok {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return ErrTimeout(true)
	}
	return ErrUnreadable()
}

// note tells the operator of what only he can mend.
func (s *Service) note(r *route, e *Error) {
	switch e.Class {
	case ClassCaller, ClassQuota:
		s.o.Log.Error("numberverify: a carrier refuses us", "gateway", r.Gateway.Name(), "class", e.Class.String(), "code", e.Code, "says", e.Desc)
	case ClassCarrier, ClassTimeout:
		s.o.Log.Warn("numberverify: a gateway failed", "gateway", r.Gateway.Name(), "class", e.Class.String(), "code", e.Code)
	default:
	}
}

// payer pays for a question: what is left is with the general pool.
func (q *question) payer() billing.Payer {
	return billing.PayerOf(q.app.Tenant, q.app.ID, q.app.TenantPays, core.PoolGeneral)
}

// keysOf are a proof's hashes under every token key, the newest first.
func (s *Service) keysOf(token core.Secret) []store.ProofKey {
	hashes := s.o.Ring.TokenHashes("number proof " + token.Reveal())
	keys := make([]store.ProofKey, len(hashes))
	for i := range hashes {
		keys[i] = hashes[i]
	}
	return keys
}
