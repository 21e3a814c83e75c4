package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/sipgo"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/pace"
	"yanma.dev/yanma/internal/provider/sip/speech"
)

// Client is one trunk. It implements provider.Provider and provider.Chooser.
type Client struct {
	cfg    Config
	deps   Deps
	book   *speech.Book
	pace   *pace.Pace
	places chan struct{} // one for each call

	// Set by open, before the client is up.
	ua     *sipgo.UserAgent
	sip    *sipgo.Client
	socket net.PacketConn // nil over TCP
	trunk  string         // IP address and port
	own    netip.Addr     // our address towards the trunk
	told   netip.AddrPort // what the trunk is told of it
	served chan struct{}  // closed when the socket is no longer read; nil over TCP

	mu       sync.Mutex
	up       bool
	state    string // for Health
	trouble  string // the account's, as last logged; "" once a call was taken
	started  bool
	stopping bool
	active   int              // calls that wait or are under way
	calls    map[string]*call // by Call-ID
	life     context.Context  // of everything; ended by Stop at the very last
	end      context.CancelCauseFunc
	stop     chan struct{}  // closed by Stop: no new calls
	drained  chan struct{}  // closed when stopping and active is 0
	finished chan struct{}  // closed when run has ended
	work     sync.WaitGroup // calls and receipts
	shut     chan struct{}  // closed when the sockets are
	left     sync.WaitGroup // abandoned INVITEs
}

var (
	_ provider.Provider = (*Client)(nil)
	_ provider.Chooser  = (*Client)(nil)
)

var (
	errStopping = errors.New("the provider is stopping")
	errGaveUp   = errors.New("the caller gave up while it waited for its turn")
	errTooLate  = errors.New("the message's life ended while it waited for its turn")
)

// New returns a client for a trunk. It fails for a configuration that can never
// work.
func New(cfg Config, deps Deps) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := deps.check(); err != nil {
		return nil, err
	}
	book, err := speech.Open()
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	return &Client{cfg: cfg, deps: deps, book: book, pace: pace.New(cfg.Rate), places: make(chan struct{}, cfg.Window),
		state: "not started", calls: map[string]*call{},
		stop: make(chan struct{}), drained: make(chan struct{}), finished: make(chan struct{}), shut: make(chan struct{})}, nil
}

// Name is the configured name.
func (c *Client) Name() string { return c.cfg.Name }

// Carries tells whether the message is a call.
func (c *Client) Carries(m *provider.Message) bool { return m.Channel == core.ChannelVoice }

// Start asks for the trunk in the background until Stop; ctx only lends its
// values.
func (c *Client) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.stopping {
		return fmt.Errorf("sip trunk %q: started before", c.cfg.Name)
	}
	c.started, c.state = true, "connecting"
	c.life, c.end = context.WithCancelCause(context.WithoutCancel(ctx))
	go c.run()
	return nil
}

// mostWaiting is how many calls may wait for a place. They wait here, and not in
// Submit: a call lasts a minute, and texts behind it must not.
const mostWaiting = 1000

// Submit makes one call (see provider.Provider); it never blocks. ctx and the
// message's validity bound the wait for a place and the pace; the validity also
// bounds the ringing.
func (c *Client) Submit(ctx context.Context, m *provider.Message, done func(provider.Outcome)) {
	said, err := core.ParseSpeech(m.Text)
	if err != nil || !c.Carries(m) {
		done(provider.Outcome{Class: provider.Rejected, Code: "no call", Detail: "the provider makes calls only"})
		return
	}
	if refusal := c.enter(); refusal.Class != 0 {
		done(refusal)
		return
	}
	l := &call{client: c, number: c.cfg.Format.written(m.To), said: said, settle: done, pressed: make(chan struct{}, 1), hungUp: make(chan struct{}),
		ring: c.cfg.Ring}
	began, life := c.deps.Now(), m.Validity
	placed := false
	select { // at once where there is room, so that nobody overtakes
	case c.places <- struct{}{}:
		placed = true
	default:
	}
	if !c.begin(func() { c.turn(ctx, l, began, life, placed) }) {
		if placed {
			<-c.places
		}
		done(provider.Outcome{Class: provider.NotSent, Detail: errStopping.Error()})
		c.leave()
	}
}

// turn waits until a call may be made, and makes it.
func (c *Client) turn(ctx context.Context, l *call, began time.Time, life time.Duration, placed bool) {
	defer c.leave()
	if err := c.admit(ctx, life, placed); err != nil {
		l.outcome(provider.Outcome{Class: provider.NotSent, Detail: err.Error()})
		return
	}
	if life > 0 {
		l.ring = max(min(l.ring, life-c.deps.Now().Sub(began)), time.Millisecond)
	}
	l.make(c.life)
	<-c.places
}

// begin runs a call, unless Stop waits for the last one already.
func (c *Client) begin(work func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.Err() != nil {
		return false
	}
	c.work.Go(work)
	return true
}

// enter counts a submission in, unless the provider is stopping or down, or too
// many wait.
func (c *Client) enter() (refusal provider.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stopping:
		return provider.Outcome{Class: provider.NotSent, Detail: errStopping.Error()}
	case !c.up:
		return provider.Outcome{Class: provider.NotSent, Detail: c.state}
	case c.active >= c.cfg.Window+mostWaiting:
		return provider.Outcome{Class: provider.Throttled, Code: "queue full", RetryAfter: pace.PauseAfterThrottle}
	}
	c.active++
	return provider.Outcome{}
}

func (c *Client) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active--
	if c.stopping && c.active == 0 {
		close(c.drained)
	}
}

// admit waits for a place, unless there is one already, and then for the pace, but for no longer than life:
// whoever's code is dead when its turn comes must not be rung. 0 is for ever.
func (c *Client) admit(ctx context.Context, life time.Duration, placed bool) error {
	var over <-chan time.Time
	if life > 0 {
		timer := time.NewTimer(life)
		defer timer.Stop()
		over = timer.C
	}
	if !placed {
		select {
		case c.places <- struct{}{}:
		case <-over:
			return errTooLate
		case <-ctx.Done():
			return errGaveUp
		case <-c.stop:
			return errStopping
		}
	}
	wait := c.pace.Reserve(c.deps.Now())
	if wait == 0 {
		return nil
	}
	err := errGaveUp
	turn := time.NewTimer(wait)
	defer turn.Stop()
	select {
	case <-turn.C:
		return nil
	case <-over:
		err = errTooLate
	case <-ctx.Done():
	case <-c.stop:
		err = errStopping
	}
	<-c.places
	return err
}

// Health tells whether the trunk answers, and whether it takes the account.
func (c *Client) Health() provider.Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := provider.Health{Up: c.up, Detail: c.state, Window: len(c.places)}
	if c.up && c.trouble != "" {
		h.Detail = "refuses the account: " + c.trouble
	}
	return h
}

func (c *Client) set(up bool, state string) {
	c.mu.Lock()
	changed := c.up != up || c.state != state
	c.up, c.state = up, state
	c.mu.Unlock()
	if changed {
		c.deps.Log.Info("sip trunk", slog.String("link", c.cfg.Name), slog.Bool("up", up), slog.String("state", state))
	}
}

// noteAccount logs a refusal of the account once, until a call is taken.
func (c *Client) noteAccount(trouble string) {
	c.mu.Lock()
	isNew := trouble != "" && trouble != c.trouble
	c.trouble = trouble
	c.mu.Unlock()
	if isNew {
		c.deps.Log.Error("sip trunk refuses the account", slog.String("link", c.cfg.Name), slog.String("code", trouble))
	}
}

// Stop lets calls end: those that were answered speak to their end. When ctx
// ends first they are hung up, ringing ones are taken back, those without any
// answer end as Unknown, and the error says so.
func (c *Client) Stop(ctx context.Context) error {
	if !c.beginStop() {
		return nil
	}
	var err error
	select {
	case <-c.drained:
	case <-c.finished:
	case <-ctx.Done():
		err = fmt.Errorf("sip trunk %q: stopped before every call ended: %w", c.cfg.Name, ctx.Err())
	}
	c.end(errStopping)
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
