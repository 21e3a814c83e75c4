//go:build interop

package carrier

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

// What a server must be configured with.
const (
	SystemID = "yanma"
	Password = "password"
)

// receiptAfter is how long a message takes to be delivered.
const receiptAfter = 50 * time.Millisecond

// Carrier takes messages. Addr is where it listens, on loopback.
type Carrier struct {
	*smsc.Server

	mu     sync.Mutex
	texts  map[string][]string // by number, as it came
	waiter map[string]chan struct{}
}

var sixDigits = regexp.MustCompile(`[0-9]{6}`)

// Start starts a carrier that ends with the test.
func Start(t testing.TB) *Carrier {
	t.Helper()
	c := &Carrier{texts: map[string][]string{}, waiter: map[string]chan struct{}{}}
	var err error
	c.Server, err = smsc.New(smsc.Config{SystemID: SystemID, Password: core.NewSecret(Password), Handle: c.take,
		Decide: func(*smsc.Part) smsc.Behaviour { return smsc.Delivered(receiptAfter) },
		Now:    time.Now, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = c.Server.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

func (c *Carrier) take(m smsc.Message) {
	number := strings.TrimPrefix(m.To, "86")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts[number] = append(c.texts[number], m.Text)
	if w := c.waiter[number]; w != nil {
		close(w)
		delete(c.waiter, number)
	}
}

// Code waits until a national number has more than n messages, and gives the
// newest one's code, or "" when ctx ended. One waits for a number at a time.
func (c *Carrier) Code(ctx context.Context, number string, n int) string {
	for {
		c.mu.Lock()
		if all := c.texts[number]; len(all) > n {
			c.mu.Unlock()
			return sixDigits.FindString(all[len(all)-1])
		}
		came := make(chan struct{})
		c.waiter[number] = came
		c.mu.Unlock()
		select {
		case <-came:
		case <-ctx.Done():
			return ""
		}
	}
}

// Count is how many messages a number got.
func (c *Carrier) Count(number string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.texts[number])
}

// Counts are all of them, by number.
func (c *Carrier) Counts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := make(map[string]int, len(c.texts))
	for number := range c.texts {
		counts[number] = len(c.texts[number])
	}
	return counts
}
