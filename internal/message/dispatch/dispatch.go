package dispatch

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// Store runs commands.
type Store interface {
	Do(ctx context.Context, c store.Command) error
}

// Database runs plain transactions.
type Database interface {
	View(ctx context.Context, f func(store.SQL) error) error
	Update(ctx context.Context, f func(store.SQL) error) error
}

// Outbox takes messages whose commit is on disk.
type Outbox interface {
	HandOff(out outbox.Outgoing)
}

// Options are what a Service is made of; all but Words are required.
type Options struct {
	Store     Store
	Database  Database
	Outbox    Outbox
	Limiter   guard.Limiter
	Ring      *keyring.Ring
	IDs       *core.IDs
	Catalogue *catalogue.Catalogue
	Now       func() time.Time
	Random    io.Reader // cryptographic
	Log       *slog.Logger
	Words     *message.Words // that no text may have
	Longest   int            // characters of a text with its signature; default 350
}

// Service sends template messages.
type Service struct{ o Options }

// New returns a service.
func New(o Options) *Service {
	if o.Longest <= 0 {
		o.Longest = message.LongestText
	}
	return &Service{o}
}

// MostRecipients is how many a batch has at most (contracts/jsms.md §6).
const MostRecipients = 1000

// noticeLife is how long a text that carries no code may wait for a carrier.
const noticeLife = 24 * time.Hour

// Recipient is one number of a batch.
type Recipient struct {
	Phone  core.Phone
	Params map[string]string // of the template
	Form   Form              // how the caller wrote the number; schedules keep it
	Err    error             // the façade's own refusal, such as KindInvalidPhone: echoed, nothing is sent
}

// Result is what became of one recipient.
type Result struct {
	Message  core.MessageID // refused ones have an id, too (contracts/jsms.md §6)
	Number   int64          // the same below 2⁵³, for dialects whose ids are such numbers (contracts/jsms.md §1.4)
	Segments int
	Err      error // why it was refused; nil: accepted, paid for, on disk
}

// Request asks for messages of one template under one signature.
type Request struct {
	App       *tenant.App
	Template  *message.Template  // as Catalogue.Template gives it
	Signature *message.Signature // as Catalogue.Signature gives it
	Report    bool               // the app is told what becomes of each message

	Call   *idempotency.Call       // nil without an Idempotency-Key
	Answer func(r []Result) []byte // of a success: what Call notes
}

// Send sends one message: it is stored, paid for and queued when Send returns.
// Errors, in this order: KindTemplatePending, KindTemplateRejected,
// KindSignatureMissing, those of Template.Render, KindOptedOut, KindRateLimited
// (also for marketing outside of its hours), KindInsufficientBalance,
// KindOverloaded, KindInternal.
func (s *Service) Send(ctx context.Context, r Request, to Recipient) (Result, error) {
	results, err := s.send(ctx, r, []Recipient{to}, true)
	if err != nil {
		return Result{}, err
	}
	return results[0], results[0].Err
}

// Batch sends to up to MostRecipients in one commit. Each has a result of its
// own, with the errors of Send; the second of the same number and text is
// KindRepeated. The error is of the call as a whole: KindTemplatePending,
// KindTemplateRejected, KindSignatureMissing, KindBadField recipients,
// KindOverloaded, KindInternal.
func (s *Service) Batch(ctx context.Context, r Request, to []Recipient) ([]Result, error) {
	if len(to) == 0 || len(to) > MostRecipients {
		return nil, core.Field(core.KindBadField, "recipients")
	}
	return s.send(ctx, r, to, false)
}

func (s *Service) usable(r Request) error {
	if err := r.Template.Usable(); err != nil {
		return err
	}
	if r.Signature == nil || r.Signature.State != message.Approved {
		return core.Field(core.KindSignatureMissing, "signature")
	}
	return nil
}

func (s *Service) send(ctx context.Context, r Request, to []Recipient, alone bool) ([]Result, error) {
	if err := s.usable(r); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // what is committed is handed to its sender, whoever hangs up
	now := s.o.Now()
	l, err := s.compose(r, to)
	if err != nil {
		return nil, err
	}
	if err := s.optedOut(ctx, l.drafts); err != nil {
		return nil, err
	}
	s.limit(ctx, l.drafts, now)
	if alone && l.results[0].Err != nil {
		return nil, l.results[0].Err
	}
	c := &enqueue{ids: s.o.IDs, drafts: l.drafts, strict: alone}
	var command store.Command = c
	if r.Call != nil {
		command = r.Call.Around(c, 200, func() []byte { return r.Answer(l.results) })
	}
	if err := s.o.Store.Do(ctx, command); err != nil {
		if leftNoTrace(err) {
			s.giveBack(ctx, l.drafts)
		}
		return nil, err
	}
	s.handOff(ctx, l.drafts)
	return l.results, nil
}

// leftNoTrace tells whether a command certainly did nothing, so that what its
// limits counted is given back.
func leftNoTrace(err error) bool {
	return core.KindOf(err) != core.KindInternal || errors.Is(err, store.ErrNotCommitted) || errors.Is(err, store.ErrAgain)
}

// handOff gives what was accepted to its sender, and what was refused in the
// commit back to its limits.
func (s *Service) handOff(ctx context.Context, drafts []*draft) {
	for _, d := range drafts {
		switch {
		case d.accepted:
			d.out.Row = d.stored
			s.o.Outbox.HandOff(d.out)
		case d.result.Err != nil:
			s.o.Limiter.GiveBack(ctx, d.taken)
			d.taken = guard.Taken{}
		}
	}
}

func (s *Service) giveBack(ctx context.Context, drafts []*draft) {
	for _, d := range drafts {
		s.o.Limiter.GiveBack(ctx, d.taken)
		d.taken = guard.Taken{}
	}
}
