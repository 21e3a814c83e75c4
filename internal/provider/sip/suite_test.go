package sip

import (
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/providertest"
	"yanma.dev/yanma/internal/provider/sip/trunk"
)

// TestSuite is what every provider passes, as far as it applies to calls: a
// trunk tells a result once, and subscribers do not write to it.
func TestSuite(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: newRig, Load: 1,
		Message: func() *provider.Message { return message("123456", core.Chinese) },
		Lacks:   []string{"ReceiptAnsweredWhenStored", "ReceiptNotStoredComesAgain", "SubscriberText"}})
}

// carrier scripts a trunk.
type carrier struct {
	*trunk.Server
	script chan func(core.Phone) providertest.Behaviour // holds one
}

func newRig(t *testing.T, s provider.Sink, o providertest.Options) providertest.Rig {
	c := &carrier{script: make(chan func(core.Phone) providertest.Behaviour, 1)}
	c.script <- func(core.Phone) providertest.Behaviour { return providertest.Accept }
	var err error
	c.Server, err = trunk.New(trunk.Config{Now: time.Now, Log: slog.New(slog.DiscardHandler), Decide: c.decide,
		Lose: func(incoming bool, h trunk.Head) bool { // of silent ones every answer is lost
			return !incoming && h.Method == "INVITE" && c.of(h.To) == providertest.Silent
		}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Server.Stop)
	response := 10 * time.Second // a packet that the machine lost comes again after 500 ms, 1 s, 2 s
	if strings.Contains(t.Name(), "/Unknown") || strings.Contains(t.Name(), "/NotSent") {
		response = 3 * providertest.ResponseTimeout // there trunks are silent
	}
	p, err := New(Config{Name: "voice", Addr: c.Addr(), Window: o.Window, Response: response, Probe: 100 * time.Millisecond},
		Deps{Sink: s, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Frame: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return providertest.Rig{Provider: p, Carrier: c}
}

func (c *carrier) Script(f func(core.Phone) providertest.Behaviour) {
	<-c.script
	c.script <- f
}

func (c *carrier) of(number string) providertest.Behaviour {
	f := <-c.script
	c.script <- f
	b := f(core.PhoneFromE164(number))
	if b == providertest.Drop { // there is no connection to cut
		b = providertest.Silent
	}
	return b
}

func (c *carrier) decide(number string) trunk.Behaviour {
	switch c.of(number) {
	case providertest.Reject:
		return trunk.Behaviour{Status: 403}
	case providertest.Throttle:
		return trunk.Behaviour{Status: 503, RetryAfter: "1"}
	case providertest.Silent:
		return trunk.Behaviour{Status: -1}
	case providertest.Hold:
		return trunk.Behaviour{After: providertest.HoldFor, HangUp: time.Millisecond}
	default:
		return trunk.Behaviour{HangUp: time.Millisecond}
	}
}

// Drop cuts no connection: there is none.
func (c *carrier) Drop() {}

func (c *carrier) Report(string)                     {}
func (c *carrier) Reported(string) (int, int)        { return 0, 0 }
func (c *carrier) SendText(core.Phone, string) error { return nil }
func (c *carrier) Taken(to core.Phone) int           { return c.Server.Taken(to.E164()) }
