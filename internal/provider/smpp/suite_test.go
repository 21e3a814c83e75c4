package smpp_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/providertest"
	"yanma.dev/yanma/internal/provider/smpp"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestReq37_ProviderSuite is the suite of every provider, for every way to bind
// and beside each other.
func TestReq37_ProviderSuite(t *testing.T) {
	for name, binding := range map[string]smpp.Config{
		"one transceiver":    {},
		"a pair":             {Bind: smpp.BindPair},
		"three transceivers": {Binds: 3},
		"two pairs":          {Bind: smpp.BindPair, Binds: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Harness{Beside: true, Load: 10, Links: binding.Binds, New: rigOf(binding)})
		})
	}
}

const systemID = "yanma"

var password = core.NewSecret("secret08")

// carrier is providertest.Carrier over the in-process SMSC.
type carrier struct {
	server *smsc.Server

	mu      sync.Mutex
	up      bool
	script  func(core.Phone) providertest.Behaviour
	taken   map[core.Phone]int
	stored  map[string]int
	refused map[string]int
}

func rigOf(binding smpp.Config) func(*testing.T, provider.Sink, providertest.Options) providertest.Rig {
	return func(t *testing.T, sink provider.Sink, opt providertest.Options) providertest.Rig {
		return newRig(t, sink, opt, binding)
	}
}

func newRig(t *testing.T, sink provider.Sink, opt providertest.Options, cfg smpp.Config) providertest.Rig {
	c := &carrier{up: true, taken: make(map[core.Phone]int), stored: make(map[string]int), refused: make(map[string]int)}
	c.server = startServer(t, smsc.Config{
		SystemID: systemID, Password: password, Decide: c.decide, BindStatus: c.bindStatus, Answered: c.answered,
		RetryAfter: 10 * time.Millisecond,
	})
	cfg.Addr, cfg.Window, cfg.ResponseTimeout = c.server.Addr(), opt.Window, opt.ResponseTimeout()
	return providertest.Rig{Provider: newClient(t, sink, cfg), Carrier: c}
}

func startServer(t *testing.T, cfg smsc.Config) *smsc.Server {
	t.Helper()
	cfg.Now, cfg.Log = time.Now, slog.New(slog.DiscardHandler)
	server, err := smsc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// newClient fills in what the tests share: time-outs that no machine reaches, quick reconnecting, the credentials.
func newClient(t *testing.T, sink provider.Sink, cfg smpp.Config) *smpp.Client {
	t.Helper()
	cfg.Name, cfg.SystemID, cfg.Password = "test", systemID, password
	if cfg.Source == "" {
		cfg.Source = "YANMA"
	}
	if cfg.ResponseTimeout == 0 {
		cfg.ResponseTimeout = providertest.Patience
	}
	cfg.ReconnectMin, cfg.ReconnectMax = 2*time.Millisecond, 20*time.Millisecond
	c, err := smpp.New(cfg, deps(sink))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func deps(sink provider.Sink) smpp.Deps {
	return smpp.Deps{Sink: sink, Now: time.Now, Jitter: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler)}
}

func (c *carrier) decide(p *smsc.Part) smsc.Behaviour {
	to := core.PhoneFromE164("+" + p.To)
	c.mu.Lock()
	defer c.mu.Unlock()
	b := behaviours[c.script(to)]
	if b.Status == pdu.OK {
		c.taken[to]++
	}
	return b
}

var behaviours = map[providertest.Behaviour]smsc.Behaviour{
	providertest.Accept:   {},
	providertest.Reject:   {Status: pdu.InvDstAddr},
	providertest.Throttle: {Status: pdu.Throttled},
	providertest.Drop:     {Drop: true},
	providertest.Silent:   {Silent: true},
	providertest.Hold:     {Delay: providertest.HoldFor},
}

func (c *carrier) bindStatus(string) pdu.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.up {
		return pdu.BindFail
	}
	return pdu.OK
}

func (c *carrier) answered(id string, status pdu.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if status == pdu.OK {
		c.stored[id]++
	} else {
		c.refused[id]++
	}
}

func (c *carrier) Script(f func(core.Phone) providertest.Behaviour) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.script = f
}

func (c *carrier) Drop() { c.server.DropAll() }

func (c *carrier) SetUp(up bool) {
	c.mu.Lock()
	c.up = up
	c.mu.Unlock()
	c.server.DropAll()
}

func (c *carrier) Report(partID string) { c.server.Report(systemID, partID, "DELIVRD") }

func (c *carrier) Reported(partID string) (stored, refused int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stored[partID], c.refused[partID]
}

func (c *carrier) SendText(from core.Phone, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), providertest.Patience)
	defer cancel()
	return c.server.SendText(ctx, systemID, from.E164()[1:], "10690000", text)
}

func (c *carrier) Taken(to core.Phone) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken[to]
}

func (c *carrier) Peak() int { return int(c.server.Stats().PeakUnanswered) }
