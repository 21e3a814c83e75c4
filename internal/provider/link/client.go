package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/frame"
	"yanma.dev/yanma/internal/provider/pace"
)

// Config is one link. Every value is set, but for RatePerSecond and Retries.
type Config struct {
	Kind   string // of protocol, for logs and errors: smpp, cmpp
	Name   string // of the provider
	Addr   string // host:port
	Format frame.Format

	Window        int     // submissions without an answer
	RatePerSecond float64 // submissions a second; 0 is no limit
	Retries       bool    // the protocol has answers of EffectRetry

	ProbeEvery      time.Duration // silence before a probe
	ResponseTimeout time.Duration // for every request
	ReconnectMin    time.Duration // first wait before connecting again
	ReconnectMax    time.Duration // the wait doubles up to this
}

// Deps are what a client needs from its surroundings.
type Deps struct {
	Now    func() time.Time
	Jitter func() float64 // uniform in [0, 1)
	Log    *slog.Logger
	// Dial opens the connection; nil means plain TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Protocol is what differs between the protocols that are kept up this way.
// Login is called on every new connection before anything else, and Handle on
// one goroutine while the link lasts; the others from any.
type Protocol interface {
	// Login asks the peer to let us in and waits for its answer, on l.Conn()
	// and with l.NextSeq(). An error drops the connection; a *FatalError stops
	// the client.
	Login(l *Link) error
	// Handle takes one frame, which is valid until it returns. It is false when
	// that was the last one.
	Handle(l *Link, octets []byte) bool
	// OutOfStep is what the peer is told when the header's length can not be
	// right, nil for nothing, and the reason that operators see.
	OutOfStep(header []byte) (answer []byte, why error)
	// AppendProbe appends the request that asks whether the peer is there.
	AppendProbe(dst []byte, seq uint32) []byte
	// AppendGoodbye appends the request that ends the session in order.
	AppendGoodbye(dst []byte, seq uint32) []byte
}

// Encode appends one part of a message as a frame with a sequence number. On an
// error it returns dst as it was; the message is then Rejected.
type Encode func(dst []byte, part int, seq uint32) ([]byte, error)

// Client keeps one link up. Name, Start, Health and Stop are those of
// provider.Provider.
type Client struct {
	cfg      Config
	deps     Deps
	protocol Protocol
	pace     *pace.Pace
	link     atomic.Pointer[Link]

	mu       sync.Mutex
	state    string // for Health while there is no link
	started  bool
	stopping bool
	active   int           // Sends whose done has not been called
	stop     chan struct{} // closed by Stop: no new submissions
	drained  chan struct{} // closed when stopping and active is 0
	cancel   context.CancelFunc
	finished chan struct{} // closed when run has ended
}

// New returns a client for a link that is not started.
func New(cfg Config, deps Deps, protocol Protocol) *Client {
	if deps.Dial == nil {
		deps.Dial = (&net.Dialer{}).DialContext
	}
	return &Client{
		cfg: cfg, deps: deps, protocol: protocol, pace: pace.New(cfg.RatePerSecond), state: "not started",
		stop: make(chan struct{}), drained: make(chan struct{}), finished: make(chan struct{}),
	}
}

// Name is the configured name.
func (c *Client) Name() string { return c.cfg.Name }

// Start connects in the background until Stop; ctx only lends its values.
func (c *Client) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.stopping {
		return fmt.Errorf("%s link %q: started before", c.cfg.Kind, c.cfg.Name)
	}
	c.started = true
	c.state = "connecting"
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go c.run(ctx)
	return nil
}

// Send hands one message of some parts over (see provider.Provider.Submit). ctx
// and the message's life bound the wait for the window and the pace; a message
// of which a part is queued is no longer given up.
func (c *Client) Send(ctx context.Context, life time.Duration, parts int, encode Encode, done func(provider.Outcome)) {
	l := c.link.Load()
	if l == nil {
		done(provider.Outcome{Class: provider.NotSent, Detail: c.Health().Detail})
		return
	}
	if !c.enter() {
		done(provider.Outcome{Class: provider.NotSent, Detail: errStopping.Error()})
		return
	}
	s := newSubmission(c, parts, done)
	giveUp, stop := ctx.Done(), c.stop
	for i := range parts {
		if err := l.admit(life, giveUp, stop); err != nil {
			s.settle(i, "", provider.Outcome{Class: provider.NotSent, Detail: err.Error()})
			continue
		}
		life, giveUp, stop = 0, nil, nil
		l.submit(s, i, encode)
	}
}

// enter counts a submission in, unless the client is stopping.
func (c *Client) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping {
		return false
	}
	c.active++
	return true
}

func (c *Client) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active--
	if c.stopping && c.active == 0 {
		close(c.drained)
	}
}

// Health tells the link's state.
func (c *Client) Health() provider.Health {
	if l := c.link.Load(); l != nil {
		return provider.Health{Up: true, Detail: "bound", Window: len(l.places)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return provider.Health{Detail: c.state}
}

// log is the log with what every line says.
func (c *Client) log() *slog.Logger {
	return c.deps.Log.With(slog.String("kind", c.cfg.Kind), slog.String("link", c.cfg.Name))
}

func (c *Client) setState(state string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = state
}

// Stop lets what is in flight end, says goodbye and closes. When ctx ends first,
// what is left ends as Unknown, or NotSent if it never left, and the error
// says so.
func (c *Client) Stop(ctx context.Context) error {
	if !c.beginStop() {
		return nil
	}
	var err error
	select {
	case <-c.drained:
		c.leaveInOrder(ctx)
	case <-c.finished:
	case <-ctx.Done():
		err = fmt.Errorf("%s link %q: stopped before every answer came: %w", c.cfg.Kind, c.cfg.Name, ctx.Err())
	}
	c.cancel()
	<-c.finished
	return err
}

// beginStop is false when there is nothing to stop.
func (c *Client) beginStop() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopping {
		c.stopping = true
		close(c.stop)
		if c.active == 0 {
			close(c.drained)
		}
	}
	return c.started
}

// leaveInOrder ends the link in the protocol's way and waits for the peer's answer.
func (c *Client) leaveInOrder(ctx context.Context) {
	l := c.link.Load()
	if l == nil {
		return
	}
	l.retire(errors.New("stopped"))
	timer := time.NewTimer(c.cfg.ResponseTimeout)
	defer timer.Stop()
	select {
	case <-l.conn.Down():
	case <-timer.C:
	case <-ctx.Done():
	}
}
