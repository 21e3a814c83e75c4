package simswap

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/breaker"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/numberverify/operatorapi"
)

// Signal is what an operator says of a number's SIM.
type Signal uint8

// The signals. Unknown is the zero value: nobody said anything.
const (
	Unknown     Signal = 0 // no answer, or one that says nothing
	Clear       Signal = 1 // not changed within the age
	Swapped     Signal = 2 // changed within it
	Unsupported Signal = 3 // the operator can not tell for this number
)

var signalNames = [...]string{"unknown", "clear", "swapped", "unsupported"}

// String names the signal for logs and metrics.
func (s Signal) String() string { return signalNames[min(int(s), len(signalNames)-1)] }

// The bounds of contracts/camara.md §6.
const (
	DefaultTimeout = time.Second
	remembered     = 10 * time.Minute
	mostRemembered = 100_000 // numbers; then all are forgotten
	checkScope     = "sim-swap:check"
	dateScope      = "sim-swap:retrieve-date"
	checkPath      = "/sim-swap/v2/check"
	datePath       = "/sim-swap/v2/retrieve-date"
)

// Config is the operator who is asked.
type Config struct {
	Operator operatorapi.Config
	Dates    bool          // ask for the date of the change instead of a yes or no
	Largest  int           // hours: the longest age that the operator takes; 0 = it is not known
	Timeout  time.Duration // of one question in all [1 s]
}

// Client asks one operator. It is safe for concurrent use.
type Client struct {
	cfg     Config
	now     func() time.Time
	client  *operatorapi.Client
	breaker *breaker.Breaker

	mu    sync.Mutex
	token operatorapi.Token
	until time.Time
	known map[[32]byte]answer

	opened  atomic.Int64
	signals [len(signalNames)]atomic.Int64
}

type answer struct {
	signal Signal
	until  time.Time
}

// New returns a client. Errors as operatorapi.Config.Validate.
func New(cfg Config, deps operatorapi.Deps) (*Client, error) {
	client, err := operatorapi.New(cfg.Operator, deps)
	if err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	return &Client{cfg: cfg, now: deps.Now, client: client, known: map[[32]byte]answer{},
		breaker: breaker.New(breaker.Rule{Failures: 10, Within: 30 * time.Second, Rest: 15 * time.Second}, deps.Now)}, nil
}

// Stats is how the operator's answers stand, since the process began.
type Stats struct {
	Breaker breaker.State
	Opened  int64
	Signals map[Signal]int64 // what it said, or that nobody could tell
}

// Stats counts questions, those that were answered out of memory too.
func (c *Client) Stats() Stats {
	s := Stats{Breaker: c.breaker.State(), Opened: c.opened.Load(), Signals: map[Signal]int64{}}
	for i := range c.signals {
		s.Signals[Signal(i)] = c.signals[i].Load()
	}
	return s
}

// Close lets go of connections.
func (c *Client) Close() { c.client.Close() }

// Signal says whether the number's SIM was changed within so many hours. What
// was said is remembered for ten minutes; not knowing is not.
func (c *Client) Signal(ctx context.Context, phone core.Phone, hours int) (said Signal) {
	defer func() { c.signals[said].Add(1) }()
	key := sha256.Sum256(fmt.Appendf(nil, "%d %s", hours, phone.E164()))
	now := c.now()
	c.mu.Lock()
	before, found := c.known[key]
	c.mu.Unlock()
	if found && now.Before(before.until) {
		return before.signal
	}
	permit, ok := c.breaker.Allow()
	if !ok {
		return Unknown
	}
	// A caller who hangs up is no failure of the operator's.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Timeout)
	defer cancel()
	signal, failed := c.ask(ctx, phone, hours)
	if permit.Done(failed) {
		c.opened.Add(1)
	}
	if signal != Unknown {
		c.mu.Lock()
		if len(c.known) >= mostRemembered {
			clear(c.known)
		}
		c.known[key] = answer{signal: signal, until: now.Add(remembered)}
		c.mu.Unlock()
	}
	return signal
}

// ask makes one call, and repeats it once with a new token after a 401, or with
// the operator's longest age after OUT_OF_RANGE (contracts/camara.md §6). failed
// says that the operator is at fault. What it says of one number is no failure:
// else whoever sends ten odd ones would keep it from being asked about all.
func (c *Client) ask(ctx context.Context, phone core.Phone, hours int) (signal Signal, failed bool) {
	a, ok := c.call(ctx, phone, hours, false)
	if ok && a.Status == http.StatusUnauthorized {
		a, ok = c.call(ctx, phone, hours, true)
	}
	if ok && a.Status == http.StatusBadRequest && a.Code == "OUT_OF_RANGE" && c.cfg.Largest > 0 && c.cfg.Largest < hours {
		hours = c.cfg.Largest
		a, ok = c.call(ctx, phone, hours, false)
	}
	if !ok {
		return Unknown, true
	}
	signal = c.read(a, hours)
	aboutNumber := a.Status == http.StatusBadRequest || a.Status == http.StatusNotFound || a.Status == http.StatusUnprocessableEntity
	return signal, signal == Unknown && !aboutNumber
}

func (c *Client) call(ctx context.Context, phone core.Phone, hours int, fresh bool) (operatorapi.Answer, bool) {
	token, ok := c.access(ctx, fresh)
	if !ok {
		return operatorapi.Answer{}, false
	}
	path, body := checkPath, map[string]any{"phoneNumber": phone.E164(), "maxAge": hours}
	if c.cfg.Dates {
		path, body = datePath, map[string]any{"phoneNumber": phone.E164()}
	}
	a, err := c.client.Do(ctx, path, token, body)
	return a, err == nil
}

// access is a token that lives, or a new one.
func (c *Client) access(ctx context.Context, fresh bool) (core.Secret, bool) {
	c.mu.Lock()
	token, until := c.token, c.until
	c.mu.Unlock()
	if !fresh && !token.Text.IsZero() && c.now().Before(until) {
		return token.Text, true
	}
	scope := checkScope
	if c.cfg.Dates {
		scope = dateScope
	}
	token, _, err := c.client.Credentials(ctx, scope)
	if err != nil || token.Text.IsZero() {
		return core.Secret{}, false
	}
	c.mu.Lock()
	c.token, c.until = token, c.now().Add(token.Life-token.Life/10)
	c.mu.Unlock()
	return token.Text, true
}

// read is the table of contracts/camara.md §6.
func (c *Client) read(a operatorapi.Answer, hours int) Signal {
	switch {
	case a.Status == http.StatusNotFound && a.Code == "IDENTIFIER_NOT_FOUND",
		a.Status == http.StatusUnprocessableEntity && a.Code == "SERVICE_NOT_APPLICABLE":
		return Unsupported
	case a.Status != http.StatusOK:
		return Unknown
	case c.cfg.Dates:
		return c.readDate(a.Body, hours)
	}
	var said struct {
		Swapped *bool `json:"swapped"`
	}
	switch {
	case json.Unmarshal(a.Body, &said) != nil || said.Swapped == nil:
		return Unknown
	case *said.Swapped:
		return Swapped
	default:
		return Clear
	}
}

func (c *Client) readDate(body []byte, hours int) Signal {
	var said map[string]json.RawMessage
	if json.Unmarshal(body, &said) != nil {
		return Unknown
	}
	raw, there := said["latestSimChange"]
	if !there {
		return Unknown
	}
	if string(raw) == "null" {
		return Clear
	}
	var at time.Time
	if json.Unmarshal(raw, &at) != nil {
		return Unknown
	}
	if c.now().Sub(at) <= time.Duration(hours)*time.Hour {
		return Swapped
	}
	return Clear
}
