package facadetest

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Clock stands still until it is advanced.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock is a clock that shows at.
func NewClock(at time.Time) *Clock { return &Clock{at: at} }

// Now is what it shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Advance sets it forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Gateway is a tunnel's back end behind the webhook.
type Gateway struct{ mode atomic.Value }

// Be makes it "up", "refuses" or "unreachable"; it is up at first.
func (g *Gateway) Be(mode string) { g.mode.Store(mode) }

// ServeHTTP agrees, refuses, or breaks the connection without an answer.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	switch g.mode.Load() {
	case "refuses":
		http.Error(w, "no", http.StatusConflict)
	case "unreachable":
		panic(http.ErrAbortHandler)
	}
}

// Phones keep the newest text that each number got.
type Phones struct {
	mu     sync.Mutex
	newest map[string]string
}

// Receive takes a text for a number in any form of a mainland number.
func (p *Phones) Receive(number, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.newest == nil {
		p.newest = map[string]string{}
	}
	p.newest[strings.TrimPrefix(strings.TrimPrefix(number, "+"), "86")] = text
}

// Newest is the newest text of a number, as its phone shows it.
func (p *Phones) Newest(number string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.newest[number]
}

var codeInText = regexp.MustCompile(`\d{4,10}`)

// Value answers the placeholders {{code 13800138000}} and {{wrong 13800138000}}.
func (p *Phones) Value(name string, args []string) (string, bool) {
	if len(args) != 1 {
		return "", false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code := codeInText.FindString(p.newest[args[0]])
	switch name {
	case "code":
		return code, code != ""
	case "wrong":
		return strings.Map(func(digit rune) rune { return '0' + (digit-'0'+1)%10 }, code), code != ""
	}
	return "", false
}
