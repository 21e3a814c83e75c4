package cmpp_test

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp"
	"yanma.dev/yanma/internal/provider/cmpp/gateway"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestReq37_ProviderSuite is the suite of every provider, in both versions and
// over several links, beside each other.
func TestReq37_ProviderSuite(t *testing.T) {
	for name, cfg := range map[string]cmpp.Config{
		"2.0":                 {Version: pdu.V20},
		"3.0":                 {Version: pdu.V30},
		"3.0 and three links": {Version: pdu.V30, Links: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Harness{Beside: true, Load: 10, Links: cfg.Links, New: rigOf(cfg)})
		})
	}
}

const (
	spID   = "901234"
	source = "106901234"
)

var secret = core.NewSecret("1234")

// carrier is providertest.Carrier over the in-process gateway.
type carrier struct {
	server *gateway.Server

	mu      sync.Mutex
	up      bool
	script  func(core.Phone) providertest.Behaviour
	taken   map[core.Phone]int
	stored  map[string]int
	refused map[string]int
}

func rigOf(cfg cmpp.Config) func(*testing.T, provider.Sink, providertest.Options) providertest.Rig {
	return func(t *testing.T, sink provider.Sink, opt providertest.Options) providertest.Rig {
		c := &carrier{up: true, taken: make(map[core.Phone]int), stored: make(map[string]int), refused: make(map[string]int)}
		c.server = startGateway(t, gateway.Config{Decide: c.decide, ConnectStatus: c.status, Answered: c.answered, RetryAfter: 10 * time.Millisecond})
		cfg := cfg
		cfg.Addr, cfg.Window, cfg.ResponseTimeout = c.server.Addr(), opt.Window, opt.ResponseTimeout()
		return providertest.Rig{Provider: newClient(t, sink, cfg), Carrier: c}
	}
}

// startGateway fills in what the tests share: the credentials.
func startGateway(t *testing.T, cfg gateway.Config) *gateway.Server {
	t.Helper()
	cfg.SPID, cfg.Secret = spID, secret
	cfg.Now, cfg.Log = time.Now, slog.New(slog.DiscardHandler)
	server, err := gateway.New(cfg)
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
func newClient(t *testing.T, sink provider.Sink, cfg cmpp.Config) *cmpp.Client {
	t.Helper()
	cfg.Name, cfg.SPID, cfg.ServiceID = "test", spID, "YANMA"
	if cfg.Secret.IsZero() {
		cfg.Secret = secret
	}
	if cfg.Source == "" {
		cfg.Source = source
	}
	if cfg.ResponseTimeout == 0 {
		cfg.ResponseTimeout = providertest.Patience
	}
	if cfg.ReconnectMin == 0 {
		cfg.ReconnectMin, cfg.ReconnectMax = 2*time.Millisecond, 20*time.Millisecond
	}
	c, err := cmpp.New(cfg, deps(sink))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func deps(sink provider.Sink) cmpp.Deps {
	return cmpp.Deps{Sink: sink, Now: time.Now, Jitter: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler)}
}

func (c *carrier) decide(p *gateway.Part) gateway.Behaviour {
	to := core.PhoneFromE164("+86" + p.To)
	c.mu.Lock()
	defer c.mu.Unlock()
	b := behaviours[c.script(to)]
	if b.Result == pdu.ResultOK {
		c.taken[to]++
	}
	return b
}

var behaviours = map[providertest.Behaviour]gateway.Behaviour{
	providertest.Accept:   {},
	providertest.Reject:   {Result: pdu.ResultDest},
	providertest.Throttle: {Result: pdu.ResultFlowControl},
	providertest.Drop:     {Drop: true},
	providertest.Silent:   {Silent: true},
	providertest.Hold:     {Delay: providertest.HoldFor},
}

func (c *carrier) status(string) pdu.ConnectStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.up {
		return pdu.ConnectOther
	}
	return pdu.ConnectOK
}

func (c *carrier) answered(id pdu.MsgID, r pdu.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r == pdu.ResultOK {
		c.stored[id.String()]++
	} else {
		c.refused[id.String()]++
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

func (c *carrier) Report(partID string) {
	id, _ := strconv.ParseUint(partID, 10, 64)
	c.server.Report(spID, pdu.MsgID(id), "DELIVRD")
}

func (c *carrier) Reported(partID string) (stored, refused int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stored[partID], c.refused[partID]
}

func (c *carrier) SendText(from core.Phone, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), providertest.Patience)
	defer cancel()
	return c.server.SendText(ctx, spID, strings.TrimPrefix(from.E164(), "+86"), source, text)
}

func (c *carrier) Taken(to core.Phone) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken[to]
}

func (c *carrier) Peak() int { return int(c.server.Stats().PeakUnanswered) }
