package callback

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/httpcall"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Kind is what an app is told.
type Kind = store.EventKind

// Event is something that an app is told, with what its row only names.
type Event struct {
	ID     core.EventID
	App    core.AppID
	Kind   Kind
	At     time.Time // when it happened
	Status int       // jsms status of a receipt (4001…4100); 1 passed, 2 refused for a verdict
	Note   string    // why a verdict was no
	Ref    int64     // the message, reply, template or signature

	Message      core.MessageID      // of a receipt
	Verification core.VerificationID // of a receipt: the code that the message carried; 0: none
	Phone        core.Phone          // of a receipt or reply
	Text         string              // of a reply
}

// Request is a call as a dialect writes it.
type Request struct {
	ContentType string
	Header      http.Header // further ones; may be nil
	Body        []byte
}

// Encoder writes an event in a dialect's form, signed as the dialect does. It
// is called anew for each try; at is the time of the call.
type Encoder func(ctx context.Context, e *Event, at time.Time) (Request, error)

// Target is an app that is called.
type Target struct {
	App    core.AppID
	URL    string
	Encode Encoder
}

// Sealer opens the sealed fields of rows (keyring.Ring).
type Sealer interface {
	OpenPhone(sealed []byte) (core.Phone, error)
	Open(field string, sealed []byte) ([]byte, error)
}

// Database is the part of store.Engine that plain transactions need.
type Database interface {
	View(ctx context.Context, f func(store.SQL) error) error
	Update(ctx context.Context, f func(store.SQL) error) error
}

// Options are what a Service is made of; those without a default are required.
type Options struct {
	Database Database
	Ring     Sealer
	IDs      *core.IDs
	Targets  func() []Target // apps with a URL, as they are configured now
	Now      func() time.Time
	Random   io.Reader // of echostr
	Log      *slog.Logger

	Allow    []netip.Prefix // internal networks that may be called; none
	Resolver Resolver       // default: the machine's
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)

	Every   time.Duration // between two looks at what is due; default 1 s
	Timeout time.Duration // of a call; default 10 s (contracts/jsms.md §10)
}

// Bounds of the work.
const (
	pageEvents = 32              // of one app, claimed at once
	inFlight   = 4               // calls to one URL at a time (contracts/jsms.md §10)
	mostPages  = 256             // apps that are called at a time
	claimLife  = 2 * time.Minute // longer than a page of calls that answer nothing
	keptEvents = 72 * time.Hour  // an app may ask so long (contracts/jsms.md §9)
	// MostTaken is how many events an app gets when it asks
	// (contracts/jsms.md §9).
	MostTaken = 500
)

// ladder is how long after a failed call the next one is made
// (contracts/jsms.md §10).
var ladder = [...]time.Duration{3 * time.Minute, time.Hour, 12 * time.Hour}

// Service calls apps in the background and hands events out.
type Service struct {
	o      Options
	client *httpcall.Client
	stats  stats

	mu   sync.Mutex
	busy map[core.AppID]bool // apps with a page at work

	ctx     context.Context
	cancel  context.CancelFunc
	start   sync.Once
	loop    sync.WaitGroup
	pages   sync.WaitGroup
	counted time.Time
}

// New returns the service. Start runs it.
func New(o Options) (*Service, error) {
	if o.Database == nil || o.Ring == nil || o.IDs == nil || o.Targets == nil || o.Now == nil || o.Random == nil || o.Log == nil {
		return nil, errors.New("callback: a required option is missing")
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Every <= 0 {
		o.Every = time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	guard := &Guard{Resolver: o.Resolver, Open: o.Dial, Allow: o.Allow}
	s := &Service{o: o, busy: make(map[core.AppID]bool), client: httpcall.New(httpcall.Options{Dial: guard.Dial, MaxConns: inFlight * 2})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.stats.init()
	return s, nil
}

// Start calls what is due, now and from then on.
func (s *Service) Start() {
	s.start.Do(func() { s.loop.Go(s.run) })
}

// Stop ends the calls under way, which are made again later, and returns when
// nothing is left. Stopping twice, or what was never started, is fine.
func (s *Service) Stop() {
	s.cancel()
	s.loop.Wait()
	s.pages.Wait()
	s.client.Close()
}

// Announce notes an event in the transaction of what it tells of, such as an
// operator's verdict on a template.
func (s *Service) Announce(ctx context.Context, q store.SQL, app core.AppID, kind Kind, ref int64, status uint16, note string) error {
	return records.InsertEvent(ctx, q, store.Event{ID: core.EventID(s.o.IDs.Next()), App: app, Kind: kind, Ref: ref, Status: status,
		At: store.At(s.o.Now()), Note: note})
}

// Take hands out up to limit (at most MostTaken) of an app's oldest events of a
// kind that nobody was told, each once; none older than three days
// (contracts/jsms.md §9).
func (s *Service) Take(ctx context.Context, app core.AppID, kind Kind, limit int) (events []Event, err error) {
	now := s.o.Now()
	err = records.Update(ctx, s.o.Database, func(q store.SQL) error {
		rows, err := records.TakeEvents(ctx, q, app, kind, store.At(now.Add(-keptEvents)), store.At(now), min(limit, MostTaken))
		events = events[:0]
		for i := range rows {
			if err != nil {
				return err
			}
			var e Event
			var known bool
			if e, known, err = s.event(ctx, q, &rows[i]); known {
				events = append(events, e)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

// event is a row with what it names; known is false when that is gone.
func (s *Service) event(ctx context.Context, q store.SQL, row *records.EventRow) (e Event, known bool, err error) {
	e = Event{ID: row.ID, App: row.App, Kind: row.Kind, At: row.At.Time(), Status: int(row.Status), Note: row.Note, Ref: row.Ref}
	switch row.Kind {
	case store.EventReceipt:
		m, found, err := records.MessageByID(ctx, q, core.MessageID(row.Ref))
		if err != nil || !found || len(m.Phone) == 0 {
			return e, false, err
		}
		e.Message, e.Verification = m.ID, m.Verification
		e.Phone, err = s.o.Ring.OpenPhone(m.Phone)
		return e, err == nil, nil
	case store.EventReply:
		return s.replyEvent(ctx, q, e)
	default:
		return e, true, nil
	}
}

func (s *Service) replyEvent(ctx context.Context, q store.SQL, e Event) (Event, bool, error) {
	r, found, err := records.ReplyByID(ctx, q, core.ReplyID(e.Ref))
	if err != nil || !found {
		return e, false, err
	}
	var text []byte
	if e.Phone, err = s.o.Ring.OpenPhone(r.Phone); err == nil {
		text, err = s.o.Ring.Open(textField, r.Text)
	}
	e.Text = string(text)
	return e, err == nil, nil
}

// textField is reply.TextField: what it tells of lies in that package.
const textField = "reply.text"
