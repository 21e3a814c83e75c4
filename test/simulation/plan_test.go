package simulation

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/tenant"
)

// TestFallbackPlanSurvivesAKill: a code that nobody enters goes out again by the
// plan's route, with new digits, although the server was killed meanwhile; the
// older digits are void, and once the newer ones were entered nothing more is
// sent. A step without a provider is skipped.
func TestFallbackPlanSurvivesAKill(t *testing.T) {
	for name, c := range map[string]struct {
		plan   []string
		killed bool
	}{"killed": {[]string{"sms", "voice=10s", "sms:second=10s", "sms=10s"}, true}, "alive": {[]string{"sms", "sms:second=10s", "sms=10s"}, false}} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			bubble(t, func(t *testing.T) {
				w := &world{t: t, fate: 5, net: newNetwork(5), folder: scratch(t), site: s, hits: newHits(), crashed: make(chan *life, 64),
					planted: planted{routes: []config.Route{{Name: "second", OnDemand: true, Providers: []config.RouteChoice{{Name: carrierName(1), Cost: 4}}}}}}
				w.trace.began = time.Now()
				w.calm.Store(true)
				w.next = filepath.Join(w.folder, "life0")
				ok(t, s.unpack(w.next))
				time.Sleep(time.Minute)
				for i := range w.carriers {
					w.carriers[i] = newCarrier(w, i)
				}
				w.gateway = newGateway(w)
				w.start()
				time.Sleep(2 * time.Second)
				ok(t, w.setPlan(c.plan))
				w.fallBack(t, c.killed)
				ok(t, w.current.stop())
				w.ending.Wait()
				w.gateway.close()
				for _, c := range w.carriers {
					c.Stop()
				}
			})
		})
	}
}

func (w *world) fallBack(t *testing.T, killed bool) {
	p := newPerson(w, 1)
	if r := p.ask(); r != yes {
		t.Fatalf("asked: %s", r)
	}
	first := p.read(0, 5*time.Second)
	if killed {
		w.current.crash(w.current.disk, "a kill")
		w.bury(<-w.crashed)
		time.Sleep(3 * time.Second)
		w.start()
	}
	second := p.read(1, 15*time.Second)
	if first == "" || second == "" {
		t.Fatalf("the codes are %q and %q", first, second)
	}
	copies := w.ledger.copies
	if len(copies) != 2 || copies[0].carrier != carrierName(0) || copies[1].carrier != carrierName(1) {
		t.Fatalf("%d copies, the last one by %s", len(copies), copies[len(copies)-1].carrier)
	}
	if wait := copies[1].at.Sub(copies[0].at); wait < 9*time.Second || wait > 13*time.Second {
		t.Errorf("the second came after %v", wait)
	}
	if first != second && p.check(first) != "" {
		t.Error("the older digits log in")
	}
	if p.check(second) == "" {
		t.Error("the newer digits do not log in")
	}
	time.Sleep(codeLife)
	if n := len(w.ledger.copies); n != 2 {
		t.Errorf("%d copies after the code was entered", n)
	}
	d := w.checkBooks(w.current.disk.Engine, "in the end")
	if len(d.codes) != 1 || len(d.messages) != 2 {
		t.Errorf("%d codes, %d messages on disk", len(d.codes), len(d.messages))
	}
	for _, odd := range w.ledger.strange {
		t.Error(odd)
	}
}

// setPlan is what `yanma app set --plan` does.
func (w *world) setPlan(steps []string) error {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		return w.net.dial(ctx, "operator", "operator", "10.0.9.1:1000", address)
	}}
	defer transport.CloseIdleConnections()
	operator := client.New("http://"+operatorAddr, core.NewSecret(operatorToken), &http.Client{Transport: transport})
	_, err := operator.UpdateApp(context.Background(), w.site.app, tenant.Patch{Plan: &steps})
	return err
}
