package sip

import (
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/providertest"
	"yanma.dev/yanma/internal/provider/sip/g711"
	"yanma.dev/yanma/internal/provider/sip/rtp"
	"yanma.dev/yanma/internal/provider/sip/trunk"
)

// loses drops the first n messages that match.
func loses(n int, incoming bool, method string, status int) func(bool, trunk.Head) bool {
	var mu sync.Mutex
	return func(in bool, h trunk.Head) bool {
		if in != incoming || h.Method != method || h.Status != status {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		n--
		return n >= 0
	}
}

// TestLostMessages: whichever message is lost, in either direction, one call is
// made and its code is heard.
func TestLostMessages(t *testing.T) {
	t.Parallel()
	g := together{t: t}
	for name, lose := range map[string]func(bool, trunk.Head) bool{
		"INVITE":     loses(1, true, "INVITE", 0),
		"two INVITE": loses(2, true, "INVITE", 0),
		"100":        loses(1, false, "INVITE", 100),
		"180":        loses(1, false, "INVITE", 180),
		"200":        loses(2, false, "INVITE", 200),
		"ACK":        loses(2, true, "ACK", 0),
		"BYE":        loses(1, true, "BYE", 0),
		"200 of BYE": loses(1, false, "BYE", 200),
	} {
		g.run(name, func(t *testing.T) {
			w := start(t, trunk.Behaviour{Trying: true, Ring: true}, func(_ *Config, c *trunk.Config) { c.Lose = lose })
			o := w.submit(t, message("0429", core.Chinese))
			if o.Class != provider.Accepted {
				t.Fatalf("%+v", o)
			}
			w.heardAll(t, w.ended(t), "0429")
			if n := w.trunk.Taken(number); n != 1 {
				t.Errorf("%d calls", n)
			}
			if r := w.receipt(t, o.PartIDs[0]); r.JSMS != 4001 {
				t.Errorf("%+v", r)
			}
		})
	}
	g.all.Wait()
}

// TestReq34_SilenceIsUnknown: every answer is lost. The outcome is unknown and
// has the call's id; the call is not made again.
func TestReq34_SilenceIsUnknown(t *testing.T) {
	t.Parallel()
	g := together{t: t}
	for name, lose := range map[string]func(bool, trunk.Head) bool{
		"the INVITE never arrives": loses(1000, true, "INVITE", 0),
		"the answers never arrive": func(in bool, h trunk.Head) bool { return !in && h.Method == "INVITE" },
	} {
		g.run(name, func(t *testing.T) {
			w := start(t, trunk.Behaviour{Status: -1}, func(c *Config, tc *trunk.Config) { c.Response, tc.Lose = 700*time.Millisecond, lose })
			o := w.submit(t, message("042917", core.Chinese))
			if o.Class != provider.Unknown || len(o.PartIDs) != 1 || o.Detail == "" {
				t.Errorf("%+v", o)
			}
			if n := w.trunk.Taken(number); n > 1 {
				t.Errorf("%d calls", n)
			}
			if n := len(w.sink.seen()); n != 0 {
				t.Errorf("%d receipts", n)
			}
		})
	}
	g.all.Wait()
}

// TestReq34_LateAnswerCounts: what was thought lost is answered after all; the
// code is spoken, and the receipt finds its message by the id of the unknown
// outcome.
func TestReq34_LateAnswerCounts(t *testing.T) {
	t.Parallel()
	w := start(t, trunk.Behaviour{}, func(c *Config, tc *trunk.Config) {
		c.Response, tc.Lose = 100*time.Millisecond, loses(2, false, "INVITE", 200)
	})
	o := w.submit(t, message("0429", core.Chinese))
	if o.Class != provider.Unknown || len(o.PartIDs) != 1 {
		t.Fatalf("%+v", o)
	}
	if r := w.receipt(t, o.PartIDs[0]); r.JSMS != 4001 {
		t.Errorf("%+v", r)
	}
	w.heardAll(t, w.ended(t), "0429")
	if n := w.trunk.Taken(number); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// TestTrunkGoesAndComes: without answers to OPTIONS the trunk is down, nothing
// is sent to it, and it is up again as soon as it answers.
func TestTrunkGoesAndComes(t *testing.T) {
	t.Parallel()
	w := start(t, trunk.Behaviour{Ring: true, HangUp: time.Millisecond}, func(c *Config, _ *trunk.Config) { c.Probe, c.Response = 50*time.Millisecond, 300*time.Millisecond })
	w.trunk.SetUp(false)
	providertest.Eventually(t, "it is down", func() bool { return !w.Health().Up })
	if o := w.submit(t, message("042917", core.Chinese)); o.Class != provider.NotSent || !strings.Contains(o.Detail, "OPTIONS") {
		t.Errorf("%+v", o)
	}
	w.trunk.SetUp(true)
	providertest.Eventually(t, "it is up", func() bool { return w.Health().Up })
	if o := w.submit(t, message("042917", core.Chinese)); o.Class != provider.Accepted {
		t.Errorf("%+v", o)
	}
	w.ended(t)
}

// TestBrokenDescriptions: an answer that can not be read ends the call, and
// nothing else.
func TestBrokenDescriptions(t *testing.T) {
	w := start(t, trunk.Behaviour{NoMedia: true}, nil)
	for range 3 {
		w.submit(t, message("042917", core.Chinese))
		w.ended(t)
	}
	providertest.Eventually(t, "the places are free", func() bool { return w.Health().Window == 0 })
}

// heardAll wants every packet of a Chinese code at the callee: what they say is
// TestReq35_CodeIsSpokenTwice's.
func (w *world) heardAll(t *testing.T, c trunk.Call, code string) {
	t.Helper()
	said := len(w.book.Say(core.Speech{Code: core.CodeFromDigits(code), Language: core.Chinese})) + int(listenFor/time.Second)*g711.Rate
	if got := c.Recording.Packets * rtp.PerFrame; got < said*98/100 {
		t.Errorf("%d samples of %d arrived", got, said)
	}
}
