package httpsms

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/httpcall"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/pace"
	"yanma.dev/yanma/internal/provider/trust"
)

// pauseAfterBusy is what RetryAfter says where the carrier does not.
const pauseAfterBusy = pace.PauseAfterThrottle

// connectTimeout is for a connection with its TLS: a carrier that swallows
// packets is found out soon enough for the next provider (requirement row 36).
const connectTimeout = 3 * time.Second

// Client is one provider. It implements provider.Provider and
// provider.Chooser.
type Client struct {
	cfg    Config
	deps   Deps
	wire   wire
	target *url.URL
	http   *httpcall.Client
	pace   *pace.Pace
	places chan struct{} // one for each request without an answer
	jobs   chan job      // to run, which gives them their context
	lost   chan struct{} // a connection could not be made

	mu       sync.Mutex
	up       bool
	state    string // for Health
	trouble  string // the account's, as last logged; "" once a message was accepted
	started  bool
	stopping bool
	active   int           // Submits whose done has not been called
	stop     chan struct{} // closed by Stop: no new submissions
	drained  chan struct{} // closed when stopping and active is 0
	cancel   context.CancelFunc
	finished chan struct{} // closed when run has ended
}

var (
	_ provider.Provider = (*Client)(nil)
	_ provider.Chooser  = (*Client)(nil)
)

// job is one request on its way.
type job struct {
	request *http.Request
	turn    turn
	within  time.Duration
	done    func(provider.Outcome)
}

var (
	errStopping = errors.New("the provider is stopping")
	errGaveUp   = errors.New("the caller gave up while it waited for its turn")
	errTooLate  = errors.New("the message's life ended while it waited for its turn")
)

// New returns a client for a provider. It fails for a configuration that can
// never work.
func New(cfg Config, deps Deps) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := deps.check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	w, err := cfg.wire()
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, errors.New("url: not an http or https URL with a host")
	}
	roots, err := trust.Roots(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	if roots == nil {
		roots = deps.Roots
	}
	return &Client{
		cfg: cfg, deps: deps, wire: w, target: target,
		http: httpcall.New(httpcall.Options{Dial: deps.Dial, Roots: roots, MaxConns: cfg.Window,
			ConnectTimeout: min(connectTimeout, cfg.ResponseTimeout)}),
		pace: pace.New(cfg.RatePerSecond), places: make(chan struct{}, cfg.Window), jobs: make(chan job),
		lost: make(chan struct{}, 1), state: "not started",
		stop: make(chan struct{}), drained: make(chan struct{}), finished: make(chan struct{}),
	}, nil
}

// Name is the configured name.
func (c *Client) Name() string { return c.cfg.Name }

// Carries tells whether the message can be put in the carrier's terms: a
// carrier of templates needs a mapping, and every parameter that it names.
func (c *Client) Carries(m *provider.Message) bool {
	return m.Channel != core.ChannelVoice && c.wire.carries(m)
}

// Start connects in the background until Stop; ctx only lends its values.
func (c *Client) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.stopping {
		return fmt.Errorf("http provider %q: started before", c.cfg.Name)
	}
	c.started, c.state = true, "connecting"
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go c.run(ctx)
	return nil
}

// Submit hands one message over (see provider.Provider). ctx and the message's
// validity bound the wait for the window and the pace.
func (c *Client) Submit(ctx context.Context, m *provider.Message, done func(provider.Outcome)) {
	if !c.Carries(m) {
		done(provider.Outcome{Class: provider.Rejected, Code: "no template", Detail: "the provider has no template for this message"})
		return
	}
	if err := c.enter(); err != nil {
		done(provider.Outcome{Class: provider.NotSent, Detail: err.Error()})
		return
	}
	began := c.deps.Now()
	if err := c.admit(ctx, m.Validity); err != nil {
		c.settle(done, provider.Outcome{Class: provider.NotSent, Detail: err.Error()})
		return
	}
	j, err := c.compose(m)
	if err != nil {
		<-c.places
		c.settle(done, provider.Outcome{Class: provider.Rejected, Code: "local", Detail: err.Error()})
		return
	}
	j.done, j.within = done, c.cfg.ResponseTimeout
	if m.Validity > 0 {
		j.within = max(min(j.within, m.Validity-c.deps.Now().Sub(began)), time.Millisecond)
	}
	select {
	case c.jobs <- j:
	case <-c.finished:
		<-c.places
		c.settle(done, provider.Outcome{Class: provider.NotSent, Detail: errStopping.Error()})
	}
}

func (c *Client) compose(m *provider.Message) (job, error) {
	var random [16]byte
	if _, err := io.ReadFull(c.deps.Random, random[:]); err != nil {
		return job{}, errors.New("no randomness")
	}
	t := turn{now: c.deps.Now(), nonce: hex.EncodeToString(random[:])}
	request, err := c.wire.compose(m, t)
	if err != nil {
		return job{}, err
	}
	request.Header.Set("User-Agent", "yanma")
	return job{request: request, turn: t}, nil
}

// enter counts a submission in, unless the provider is stopping or down.
func (c *Client) enter() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stopping:
		return errStopping
	case !c.up:
		return errors.New(c.state)
	}
	c.active++
	return nil
}

// admit waits for a place in the window and then for the pace, but for no
// longer than life: what is over when its turn comes must not leave. 0 is for
// ever.
func (c *Client) admit(ctx context.Context, life time.Duration) error {
	var over <-chan time.Time
	if life > 0 {
		timer := time.NewTimer(life)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case c.places <- struct{}{}:
	default:
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

// run makes the requests of Submit and keeps an eye on the way to the carrier.
func (c *Client) run(ctx context.Context) {
	defer close(c.finished)
	var all sync.WaitGroup
	all.Go(func() { c.watch(ctx) })
	for ctx.Err() == nil {
		select {
		case j := <-c.jobs:
			all.Go(func() { c.exchange(ctx, j) })
		case <-ctx.Done():
		}
	}
	all.Wait()
	c.http.Close()
	c.set(false, "stopped")
}

// exchange makes one request and settles its message.
func (c *Client) exchange(ctx context.Context, j job) {
	ctx, cancel := context.WithTimeout(ctx, j.within)
	defer cancel()
	answer, err := c.http.Do(ctx, j.request)
	<-c.places
	switch {
	case err == nil:
		c.settle(j.done, c.take(c.wire.judge(answer, j.turn)))
	case httpcall.Sent(err):
		c.settle(j.done, provider.Outcome{Class: provider.Unknown, Detail: "no answer: " + httpcall.Reason(err)})
	default:
		c.unreachable(httpcall.Reason(err))
		c.settle(j.done, provider.Outcome{Class: provider.NotSent, Detail: httpcall.Reason(err)})
	}
}

// take applies what an answer does to the provider, and returns its outcome.
func (c *Client) take(v verdict) provider.Outcome {
	if v.slow {
		c.pace.Throttled(c.deps.Now())
	}
	if v.alert || v.Class == provider.Accepted {
		c.noteTrouble(v)
	}
	return v.Outcome
}

// noteTrouble logs a refusal of the account once, until messages pass again.
func (c *Client) noteTrouble(v verdict) {
	c.mu.Lock()
	trouble := ""
	if v.alert {
		trouble = v.Code
	}
	isNew := trouble != "" && trouble != c.trouble
	c.trouble = trouble
	c.mu.Unlock()
	if isNew {
		c.deps.Log.Error("http provider refuses the account", slog.String("provider", c.cfg.Name), slog.String("code", trouble))
	}
}

// settle ends one submission.
func (c *Client) settle(done func(provider.Outcome), o provider.Outcome) {
	done(o)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active--
	if c.stopping && c.active == 0 {
		close(c.drained)
	}
}

// Health tells whether the carrier can be reached, and whether it takes the
// account.
func (c *Client) Health() provider.Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := provider.Health{Up: c.up, Detail: c.state, Window: len(c.places)}
	if c.up && c.trouble != "" {
		h.Detail = "refuses the account: " + c.trouble
	}
	return h
}

// Stop lets what is in flight end and closes the connections. When ctx ends
// first, what was written ends as Unknown, and the error says so.
func (c *Client) Stop(ctx context.Context) error {
	if !c.beginStop() {
		return nil
	}
	var err error
	select {
	case <-c.drained:
	case <-c.finished:
	case <-ctx.Done():
		err = fmt.Errorf("http provider %q: stopped before every answer came: %w", c.cfg.Name, ctx.Err())
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
