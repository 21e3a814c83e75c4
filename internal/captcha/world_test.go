package captcha

import (
	"context"
	"crypto/rand"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/captcha/puzzle"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/guard/memory"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

var epoch = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

const sender = "+8615200000000"

// clock is set by the test.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// stock has one picture, whose column the test sets.
type stock struct{ x int }

func (s *stock) Take(context.Context) (puzzle.Picture, error) {
	return puzzle.Picture{X: s.x, Background: "background", Piece: "piece"}, nil
}

// world is a service over an engine in memory.
type world struct {
	*Service
	clock    clock
	pictures stock
	ring     *keyring.Ring
	memory   *storetest.Memory
	app      *tenant.App
	caller   Binding
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{pictures: stock{x: 237}, memory: storetest.NewMemory(), app: &tenant.App{ID: 7, OneAccess: oneAccess()},
		caller: Binding{Client: "DRrYIqauawN0I8myTMoDTPys6ezGZxnm", Fingerprint: "156aysdna213sac", IP: netip.MustParseAddr("203.0.113.7")}}
	w.clock.at.Store(epoch.UnixNano())
	var err error
	if w.ring, err = keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, epoch); err != nil {
		t.Fatal(err)
	}
	w.Service = w.node(t, w.memory)
	return w
}

// node is a service of the world on an engine.
func (w *world) node(t *testing.T, e store.Engine) *Service {
	t.Helper()
	b := store.NewBatcher(e, w.clock.now, quiet(), store.Options{})
	b.Start()
	t.Cleanup(b.Stop)
	return New(Options{Keys: w.ring, Store: b, Pictures: &w.pictures, Limiter: memory.New(w.clock.now), Subjects: w.ring, Rules: guard.DefaultRules(),
		Now: w.clock.now, Random: rand.Reader, Log: quiet()})
}

func oneAccess() *tenant.OneAccess {
	return &tenant.OneAccess{OneAccessSettings: tenant.DefaultOneAccess()}
}

func (w *world) get(t *testing.T) Puzzle {
	t.Helper()
	p, err := w.Get(t.Context(), w.app, w.caller)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const right = `{"x":237.0,"y":5.0}`

// pass solves a puzzle for the sender.
func (w *world) pass(t *testing.T) string {
	t.Helper()
	pass, err := w.Check(t.Context(), w.app, CheckRequest{Token: w.get(t).Token, PointJSON: right, Sender: sender, Binding: w.caller})
	if err != nil {
		t.Fatal(err)
	}
	return pass
}

func (w *world) redeemed(t *testing.T, token string) error {
	t.Helper()
	_, err := w.Redeem(t.Context(), w.app, RedeemRequest{CaptchaToken: token, Sender: sender, Binding: w.caller})
	return err
}

func wantKind(t *testing.T, what string, err error, kind core.Kind) {
	t.Helper()
	if core.KindOf(err) != kind || err == nil {
		t.Errorf("%s: %v, want %v", what, err, kind)
	}
}
