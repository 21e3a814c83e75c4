package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/frame"
)

// Config is what the links of a client have in common. Every value is set, but
// for RatePerSecond and Retries; Window and RatePerSecond are each link's.
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

// Protocol is what differs between the protocols that are kept up this way; each
// link has one of its own.
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

// Encode appends one part of a message as a frame with a sequence number, for
// the link that the protocol is of. On an error it returns dst as it was; the
// message is then Rejected.
type Encode func(dst []byte, by Protocol, part int, seq uint32) ([]byte, error)

// Member is one of a client's links.
type Member struct {
	Label    string // tells it from the others, such as "tx 1"; of no use where there is only one
	Protocol Protocol
	// ReceiveOnly links carry no submissions.
	ReceiveOnly bool
}

// Client keeps some links to one carrier up and spreads messages over them.
// Name, Start, Health and Stop are those of provider.Provider.
type Client struct {
	cfg     Config
	deps    Deps
	all     []*keeper
	senders []*keeper // of them, those that carry submissions

	waiting atomic.Int32 // the length of line
	lineMu  sync.Mutex
	line    []chan *Link // Sends that wait for a place, the first one first

	mu       sync.Mutex
	started  bool
	stopping bool
	active   int           // Sends whose done has not been called
	stop     chan struct{} // closed by Stop: no new submissions
	drained  chan struct{} // closed when stopping and active is 0
	cancel   context.CancelFunc
	finished chan struct{} // closed when every keeper has ended
}

// New returns a client for links that are not started; at least one is not
// ReceiveOnly.
func New(cfg Config, deps Deps, members ...Member) *Client {
	if deps.Dial == nil {
		deps.Dial = (&net.Dialer{}).DialContext
	}
	c := &Client{
		cfg: cfg, deps: deps,
		stop: make(chan struct{}), drained: make(chan struct{}), finished: make(chan struct{}),
	}
	for _, m := range members {
		k := newKeeper(c, m)
		c.all = append(c.all, k)
		if !m.ReceiveOnly {
			c.senders = append(c.senders, k)
		}
	}
	return c
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
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	for _, k := range c.all {
		k.setState("connecting")
		running.Go(func() { k.run(ctx) })
	}
	go func() {
		running.Wait()
		close(c.finished)
	}()
	return nil
}

// Send hands one message of some parts over (see provider.Provider.Submit). ctx
// and the message's life bound the wait for the window and the pace; a message
// of which a part is queued is no longer given up, and all its parts go over one
// link.
func (c *Client) Send(ctx context.Context, life time.Duration, parts int, encode Encode, done func(provider.Outcome)) {
	if !c.enter() {
		done(provider.Outcome{Class: provider.NotSent, Detail: errStopping.Error()})
		return
	}
	began := c.deps.Now()
	l, err := c.admit(began, life, ctx.Done())
	if err != nil {
		done(c.notSent(err))
		c.leave()
		return
	}
	s := newSubmission(c, parts, done)
	for l.submit(s, 0, encode) != nil {
		// It went down meanwhile; nothing left yet.
		if l, err = c.admit(began, life, ctx.Done()); err != nil {
			for i := range parts {
				s.settle(i, "", c.notSent(err))
			}
			return
		}
	}
	for i := 1; i < parts; i++ {
		err := l.admit()
		if err == nil {
			err = l.submit(s, i, encode)
		}
		if err != nil {
			s.settle(i, "", c.notSent(err))
		}
	}
}

// notSent is the outcome of what never left; that there is no link is told in
// the words of Health.
func (c *Client) notSent(err error) provider.Outcome {
	o := provider.Outcome{Class: provider.NotSent, Detail: err.Error()}
	if errors.Is(err, errNoLink) {
		o.Detail = c.Health().Detail
	}
	return o
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

// Health tells the links' states: up while one of them takes messages, and the
// sum of their windows.
func (c *Client) Health() provider.Health {
	if len(c.all) == 1 {
		h := c.all[0].health()
		return provider.Health{Up: h.Up, Detail: h.Detail, Window: h.Window}
	}
	h := provider.Health{Links: make([]provider.LinkHealth, 0, len(c.all))}
	for _, k := range c.all {
		one := k.health()
		h.Up = h.Up || one.Up && !k.receiveOnly
		h.Window += one.Window
		h.Links = append(h.Links, one)
	}
	h.Detail = summary(h.Links)
	return h
}

// summary is what all links say, or how many are up and what the others say.
func summary(links []provider.LinkHealth) string {
	up, same, down := 0, true, ""
	for _, one := range links {
		same = same && one.Detail == links[0].Detail
		if one.Up {
			up++
		} else {
			down += "; " + one.Name + " " + one.Detail
		}
	}
	if same {
		return links[0].Detail
	}
	return fmt.Sprintf("%d of %d bound: %s", up, len(links), strings.TrimPrefix(down, "; "))
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
		var leaving sync.WaitGroup
		for _, k := range c.all {
			leaving.Go(func() { k.leaveInOrder(ctx) })
		}
		leaving.Wait()
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
