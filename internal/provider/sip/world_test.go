package sip

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/providertest"
	"yanma.dev/yanma/internal/provider/sip/trunk"
)

const (
	patience = 30 * time.Second
	number   = "+8613800138000"
)

// sink keeps receipts.
type sink struct {
	mu       sync.Mutex
	receipts []provider.Receipt
	refuse   int // so many are not stored
}

func (s *sink) Receipt(_ string, r provider.Receipt, ack func(error)) {
	s.mu.Lock()
	s.receipts = append(s.receipts, r)
	refuse := s.refuse > 0
	s.refuse--
	s.mu.Unlock()
	if refuse {
		go ack(core.E(core.KindOverloaded, ""))
		return
	}
	go ack(nil)
}

func (s *sink) Inbound(string, provider.Inbound, func(error)) {}

func (s *sink) seen() []provider.Receipt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]provider.Receipt(nil), s.receipts...)
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a client, its trunk and its sink.
type world struct {
	*Client
	trunk *trunk.Server
	sink  *sink
	calls chan trunk.Call
}

// start makes a world; change may alter both ends before they run. Tests run
// beside each other: TestMain looks for leaks.
func start(t *testing.T, b trunk.Behaviour, change func(*Config, *trunk.Config)) *world {
	t.Helper()
	w := &world{sink: &sink{}, calls: make(chan trunk.Call, 100)}
	tc := trunk.Config{Decide: func(string) trunk.Behaviour { return b }, Handle: func(c trunk.Call) { w.calls <- c }, Now: time.Now,
		Log: slog.New(slog.DiscardHandler)}
	cc := Config{Name: "voice", Account: "yanma", Source: "4008001234", Window: 5, Ring: 10 * time.Second, Response: 5 * time.Second}
	if change != nil {
		change(&cc, &tc)
	}
	var err error
	if w.trunk, err = trunk.New(tc); err != nil {
		t.Fatal(err)
	}
	if err := w.trunk.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.trunk.Stop)
	cc.Addr = w.trunk.Addr()
	if w.Client, err = New(cc, Deps{Sink: w.sink, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Frame: time.Millisecond / 2}); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := w.Client.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	providertest.Eventually(t, "the trunk is up", func() bool { return w.Health().Up })
	return w
}

func message(code string, l core.Language) *provider.Message {
	return &provider.Message{ID: 1, Channel: core.ChannelVoice, To: core.PhoneFromE164(number), Validity: 3 * time.Minute,
		Text: core.Speech{Code: core.CodeFromDigits(code), Language: l}.Text()}
}

// submit waits for the outcome.
func (w *world) submit(t *testing.T, m *provider.Message) provider.Outcome {
	t.Helper()
	outcomes := make(chan provider.Outcome, 2)
	w.Submit(t.Context(), m, func(o provider.Outcome) { outcomes <- o })
	select {
	case o := <-outcomes:
		return o
	case <-time.After(patience):
		t.Fatal("no outcome")
	}
	return provider.Outcome{}
}

// ended waits for the end of a call at its subscriber.
func (w *world) ended(t *testing.T) trunk.Call {
	t.Helper()
	select {
	case c := <-w.calls:
		return c
	case <-time.After(patience):
		t.Fatal("no call ends")
	}
	return trunk.Call{}
}

// receipt waits for the one receipt of a call.
func (w *world) receipt(t *testing.T, id string) provider.Receipt {
	t.Helper()
	providertest.Eventually(t, "a receipt comes", func() bool { return len(w.sink.seen()) > 0 })
	got := w.sink.seen()
	if len(got) != 1 || got[0].PartID != id {
		t.Errorf("receipts %+v, want one about %s", got, id)
	}
	return got[0]
}

// together runs what waits for the most part at the same time.
type together struct {
	t   *testing.T
	all sync.WaitGroup
}

func (g *together) run(name string, test func(*testing.T)) { g.all.Go(func() { g.t.Run(name, test) }) }
