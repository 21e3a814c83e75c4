package captcha

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// TestPoolStops: it stops twice, leaves nothing behind, and goes on answering
// whoever is there.
func TestPoolStops(t *testing.T) {
	defer goleak.VerifyNone(t)
	p := NewPool(PoolOptions{Random: rand.Reader, Log: quiet(), Ahead: 2, Workers: 2, Hurried: 1})
	p.Stop()
	p.Stop()
	p = NewPool(PoolOptions{Random: rand.Reader, Log: quiet(), Ahead: 2, Workers: 2, Hurried: 1})
	p.Start()
	p.Start()
	if p.Stats().Drawn != 0 {
		t.Error("pictures are drawn before anybody asks")
	}
	seen := map[string]bool{}
	for range 8 {
		picture, err := p.Take(t.Context())
		if err != nil || seen[picture.Background] || picture.X < 100 || picture.X > 262 {
			t.Fatalf("x %d, seen %v, %v", picture.X, seen[picture.Background], err)
		}
		seen[picture.Background] = true
	}
	p.Stop()
	p.Stop()
	for range 4 {
		if _, err := p.Take(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// held is a source of randomness that waits.
type held struct{ open chan struct{} }

func (h held) Read(b []byte) (int, error) {
	<-h.open
	return rand.Read(b)
}

// TestPoolSheds: callers who find nothing drawn wait a little and are shed; a
// source of randomness that fails gives no picture at all.
func TestPoolSheds(t *testing.T) {
	defer goleak.VerifyNone(t)
	source := held{open: make(chan struct{})}
	p := NewPool(PoolOptions{Random: source, Log: quiet(), Hurried: 1, Patience: 10 * time.Millisecond})
	var draws sync.WaitGroup
	draws.Go(func() {
		if _, err := p.Take(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for len(p.hurried) == 1 {
		time.Sleep(time.Millisecond)
	}
	if _, err := p.Take(t.Context()); core.KindOf(err) != core.KindOverloaded || p.Stats().Shed != 1 {
		t.Errorf("one more than may draw: %v, %+v", err, p.Stats())
	}
	close(source.open)
	draws.Wait()

	broken := errors.New("no randomness")
	p = NewPool(PoolOptions{Random: failing{broken}, Log: quiet(), Workers: 1, Hurried: 1, Ahead: 1})
	p.Start()
	if _, err := p.Take(t.Context()); !errors.Is(err, broken) || core.KindOf(err) != core.KindInternal {
		t.Error(err)
	}
	p.Stop()

}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }
