package reply

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Database is the part of store.Engine that plain transactions need.
type Database interface {
	View(ctx context.Context, f func(store.SQL) error) error
	Update(ctx context.Context, f func(store.SQL) error) error
}

// App is an app as far as texts are concerned.
type App struct {
	ID     core.AppID
	Sender string // source address of its messages; "" = the provider's
	Told   bool   // it is told of texts
}

// OptOut notes in the transaction of a reply that a number wants nothing more
// like the message that it answers (package message). message is 0 when that
// was not found.
type OptOut func(ctx context.Context, q store.SQL, app core.AppID, message core.MessageID, phone core.Phone) error

// Options are what a Service is made of; all but OptOut are required.
type Options struct {
	Database Database
	Ring     *keyring.Ring
	IDs      *core.IDs
	Apps     func() []App // as they are configured now
	Word     func(text string) bool
	OptOut   OptOut // of texts for which Word says yes
	Now      func() time.Time
	Log      *slog.Logger
}

// Bounds of the work.
const (
	mostWaiting = 4096           // texts in memory; one more is refused
	mostTurn    = 256            // texts in one transaction
	lookBack    = 72 * time.Hour // how old the message may be that a text answers
	lookPage    = 2000           // messages looked at in one transaction …
	lookMost    = 20000          // … and in all, for a turn
)

// arrived is a text with the call that answers its carrier.
type arrived struct {
	provider string
	in       provider.Inbound
	ack      func(error)
}

// Stats counts what came since the start.
type Stats struct {
	Stored, Repeated, Failed int64 // texts
}

// Service keeps texts. It is what an outbox passes them to.
type Service struct {
	o    Options
	wake chan struct{}

	mu      sync.Mutex
	waiting []arrived
	closed  bool
	stats   Stats

	ctx   context.Context
	stop  context.CancelFunc
	start sync.Once
	loop  sync.WaitGroup
}

// New returns the service. Start runs it.
func New(o Options) (*Service, error) {
	if o.Database == nil || o.Ring == nil || o.IDs == nil || o.Apps == nil || o.Word == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("reply: a required option is missing")
	}
	s := &Service{o: o, wake: make(chan struct{}, 1)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Start keeps texts until Stop.
func (s *Service) Start() { s.start.Do(func() { s.loop.Go(s.run) }) }

// Stop lets nothing more in, refuses what is not stored yet, so that carriers
// send it again, and returns when nothing is left. Stopping twice, or what was
// never started, is fine.
func (s *Service) Stop() {
	s.stop()
	s.loop.Wait()
	s.mu.Lock()
	rest := s.waiting
	s.waiting, s.closed = nil, true
	s.mu.Unlock()
	answer(rest, core.E(core.KindOverloaded, "shutting down"))
}

// Inbound takes a text and acknowledges it when it is on disk. It returns at
// once.
func (s *Service) Inbound(name string, in provider.Inbound, ack func(error)) {
	s.mu.Lock()
	full := s.closed || len(s.waiting) >= mostWaiting
	if !full {
		s.waiting = append(s.waiting, arrived{name, in, ack})
	}
	s.mu.Unlock()
	if full {
		ack(core.E(core.KindOverloaded, "too many texts, or shutting down"))
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Stats tells what came so far.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

func (s *Service) run() {
	for {
		select {
		case <-s.wake:
		case <-s.ctx.Done():
			return
		}
		for turn := s.take(); len(turn) > 0 && s.ctx.Err() == nil; turn = s.take() {
			s.turn(turn)
		}
	}
}

func (s *Service) take() []arrived {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.waiting), mostTurn)
	turn := append([]arrived(nil), s.waiting[:n]...)
	s.waiting = append(s.waiting[:0], s.waiting[n:]...)
	return turn
}

func answer(texts []arrived, err error) {
	for _, x := range texts {
		x.ack(err)
	}
}

// turn stores some texts, and answers their carriers.
func (s *Service) turn(turn []arrived) {
	rows, err := s.rows(turn)
	stored := 0
	if err == nil {
		// A transaction that began is waited for even while the service stops.
		stored, err = s.store(context.WithoutCancel(s.ctx), rows)
	}
	s.mu.Lock()
	if err != nil {
		s.stats.Failed += int64(len(turn))
	} else {
		s.stats.Stored += int64(stored)
		s.stats.Repeated += int64(len(rows) - stored)
	}
	s.mu.Unlock()
	if err != nil {
		s.o.Log.Error("reply: texts are not stored; their carriers send them again", "texts", len(turn), "error", err.Error())
		err = core.Wrap(core.KindInternal, err, "the text is not stored")
	}
	answer(turn, err)
}

// row is a reply as it will be stored.
type row struct {
	records.Reply
	phone core.Phone
	told  bool
}

func (s *Service) rows(turn []arrived) ([]row, error) {
	rows := make([]row, 0, len(turn))
	now := s.o.Now()
	for _, x := range turn {
		r := row{phone: x.in.From}
		phone, err := s.o.Ring.SealPhone(x.in.From)
		if err != nil {
			return nil, err
		}
		text, err := s.o.Ring.Seal(TextField, []byte(x.in.Text))
		if err != nil {
			return nil, err
		}
		r.Reply = records.Reply{Provider: x.provider, CarrierID: []byte(provider.CleanID(x.in.ID)), Recipient: clean(x.in.To), Index: s.o.Ring.Index(x.in.From),
			Phone: phone, Text: text, OptOut: s.o.Word(x.in.Text), At: store.At(now)}
		rows = append(rows, r)
	}
	return rows, s.assign(rows, now)
}

// clean is an address as it may be stored and shown.
func clean(to string) string {
	to = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, to)
	return to[:min(len(to), 32)]
}

// store writes replies, what they mean, and their apps' events; it tells how
// many were new.
func (s *Service) store(ctx context.Context, rows []row) (stored int, err error) {
	err = records.Update(ctx, s.o.Database, func(q store.SQL) error {
		stored = 0
		for i := range rows {
			r := &rows[i]
			r.ID = core.ReplyID(s.o.IDs.Next())
			fresh, err := records.InsertReply(ctx, q, &r.Reply)
			if err != nil {
				return err
			}
			if !fresh {
				continue
			}
			stored++
			if r.OptOut && r.App != 0 && s.o.OptOut != nil {
				if err := s.o.OptOut(ctx, q, r.App, r.Message, r.phone); err != nil {
					return err
				}
			}
			if !r.told {
				continue
			}
			err = records.InsertEvent(ctx, q, store.Event{ID: core.EventID(s.o.IDs.Next()), App: r.App, Kind: store.EventReply, Ref: int64(r.ID), At: r.At})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return stored, err
}
