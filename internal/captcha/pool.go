package captcha

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/captcha/puzzle"
	"yanma.dev/yanma/internal/core"
)

// PoolOptions are a pool's.
type PoolOptions struct {
	Random    io.Reader // cryptographic, safe for concurrent use
	Log       *slog.Logger
	Watermark string
	Ahead     int // pictures that are kept drawn; 76 KiB each
	Workers   int // that draw ahead
	Hurried   int // callers that may draw for themselves at once, when none is left

	// Patience is how long a caller waits for a picture, or for its turn to draw [1 s].
	Patience time.Duration
}

// Pool draws pictures ahead, off the path of requests, and gives each away once.
// When none is left callers draw for themselves, a few at a time; the others
// wait a little and are shed.
//
//	workers ─▶ ready ─▶ Take ─ none ready ─▶ hurried: draw here ─ too many ─▶ KindOverloaded
type Pool struct {
	o       PoolOptions
	ready   chan puzzle.Picture
	hurried chan *puzzle.Drawer

	start, stop sync.Once
	quit        chan struct{}
	asked       sync.Once
	wanted      chan struct{} // closed by the first Take
	workers     sync.WaitGroup

	drawn, shed atomic.Int64
}

// NewPool returns a pool that draws on demand; Start makes it draw ahead.
func NewPool(o PoolOptions) *Pool {
	if o.Patience == 0 {
		o.Patience = time.Second
	}
	p := &Pool{o: o, ready: make(chan puzzle.Picture, o.Ahead), hurried: make(chan *puzzle.Drawer, max(o.Hurried, 1)), quit: make(chan struct{}), wanted: make(chan struct{})}
	for range cap(p.hurried) {
		p.hurried <- puzzle.NewDrawer(o.Random, o.Watermark)
	}
	return p
}

// Start lets the workers draw ahead, from the first Take on: a server that nobody
// asks for puzzles draws none.
func (p *Pool) Start() {
	p.start.Do(func() {
		for range p.o.Workers {
			p.workers.Go(p.work)
		}
	})
}

// Stop ends the workers. Take goes on drawing for whoever is being answered.
// Stopping twice is fine.
func (p *Pool) Stop() {
	p.stop.Do(func() { close(p.quit) })
	p.workers.Wait()
}

func (p *Pool) work() {
	select {
	case <-p.wanted:
	case <-p.quit:
		return
	}
	drawer := puzzle.NewDrawer(p.o.Random, p.o.Watermark)
	for {
		picture, err := drawer.Draw()
		if err != nil {
			p.o.Log.Error("captcha: no randomness; no picture is drawn ahead any more", "error", err.Error())
			return
		}
		p.drawn.Add(1)
		select {
		case p.ready <- picture:
		case <-p.quit:
			return
		}
	}
}

// Take gives a picture that nobody else gets. KindOverloaded when there is none
// within Patience.
func (p *Pool) Take(ctx context.Context) (puzzle.Picture, error) {
	p.asked.Do(func() { close(p.wanted) })
	select {
	case picture := <-p.ready:
		return picture, nil
	default:
	}
	late := time.NewTimer(p.o.Patience)
	defer late.Stop()
	select {
	case picture := <-p.ready:
		return picture, nil
	case drawer := <-p.hurried:
		defer func() { p.hurried <- drawer }()
		p.drawn.Add(1)
		picture, err := drawer.Draw()
		if err != nil {
			return puzzle.Picture{}, core.Wrap(core.KindInternal, err, "captcha: no randomness")
		}
		return picture, nil
	case <-late.C:
	case <-ctx.Done():
	}
	p.shed.Add(1)
	return puzzle.Picture{}, core.E(core.KindOverloaded, "captcha: no picture is ready")
}

// PoolStats are a pool's counts since the start, and what is ready now.
type PoolStats struct{ Drawn, Shed, Ready int64 }

// Stats reads them.
func (p *Pool) Stats() PoolStats {
	return PoolStats{Drawn: p.drawn.Load(), Shed: p.shed.Load(), Ready: int64(len(p.ready))}
}
