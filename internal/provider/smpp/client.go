package smpp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/provider"
)

// Client is one link to an SMSC. It implements provider.Provider.
type Client struct {
	cfg  Config
	deps Deps
	pace pace
	ref  atomic.Uint32 // of concatenation headers
	link atomic.Pointer[link]

	mu       sync.Mutex
	state    string // for Health while there is no link
	started  bool
	stopping bool
	active   int           // Submits whose done has not been called
	stop     chan struct{} // closed by Stop: no new submissions
	drained  chan struct{} // closed when stopping and active is 0
	cancel   context.CancelFunc
	finished chan struct{} // closed when run has ended
}

var _ provider.Provider = (*Client)(nil)

// New returns a client for a link. It fails for a configuration that can never
// work, such as a password over eight octets.
func New(cfg Config, deps Deps) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := deps.check(); err != nil {
		return nil, err
	}
	if deps.Dial == nil {
		deps.Dial = (&net.Dialer{}).DialContext
	}
	c := &Client{
		cfg: cfg, deps: deps, state: "not started",
		stop: make(chan struct{}), drained: make(chan struct{}), finished: make(chan struct{}),
	}
	c.pace.base = cfg.RatePerSecond
	c.ref.Store(uint32(deps.Jitter() * 256))
	return c, nil
}

// Name is the configured name.
func (c *Client) Name() string { return c.cfg.Name }

// Start connects in the background until Stop; ctx only lends its values.
func (c *Client) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.stopping {
		return fmt.Errorf("smpp link %q: started before", c.cfg.Name)
	}
	c.started = true
	c.state = "connecting"
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go c.run(ctx)
	return nil
}

// Submit hands one message over (see provider.Provider). ctx and the message's
// validity bound the wait for the window and the pace; a message of which a part
// is queued is no longer given up.
func (c *Client) Submit(ctx context.Context, m *provider.Message, done func(provider.Outcome)) {
	var d draft
	if err := c.compose(m, &d); err != nil {
		done(provider.Outcome{Class: provider.Rejected, Code: "local", Detail: err.Error()})
		return
	}
	l := c.link.Load()
	if l == nil {
		done(provider.Outcome{Class: provider.NotSent, Detail: c.Health().Detail})
		return
	}
	if !c.enter() {
		done(provider.Outcome{Class: provider.NotSent, Detail: errStopping.Error()})
		return
	}
	s := newSubmission(c, len(d.parts), done)
	var scratch [maxOctets]byte
	life, giveUp, stop := m.Validity, ctx.Done(), c.stop
	for i := range d.parts {
		if err := l.admit(life, giveUp, stop); err != nil {
			s.settle(i, "", provider.Outcome{Class: provider.NotSent, Detail: err.Error()})
			continue
		}
		life, giveUp, stop = 0, nil, nil
		d.part(i, scratch[:])
		l.submit(s, i, &d.sm)
	}
}

// maxOctets is the room of one part's text: more than 160 septets, or 140
// octets of UCS-2 with its header.
const maxOctets = 168

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

func (c *Client) setState(state string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = state
}

// Stop lets what is in flight end, unbinds and closes. When ctx ends first,
// what is left ends as Unknown, or NotSent if it never left, and the error
// says so.
func (c *Client) Stop(ctx context.Context) error {
	if !c.beginStop() {
		return nil
	}
	var err error
	select {
	case <-c.drained:
		c.unbind(ctx)
	case <-c.finished:
	case <-ctx.Done():
		err = fmt.Errorf("smpp link %q: stopped before every answer came: %w", c.cfg.Name, ctx.Err())
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

// unbind ends the link in the protocol's way and waits for the SMSC's answer.
func (c *Client) unbind(ctx context.Context) {
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
