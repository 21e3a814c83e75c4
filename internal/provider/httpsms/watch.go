package httpsms

import (
	"context"
	"log/slog"
	"time"

	"yanma.dev/yanma/internal/httpcall"
)

// watch finds out whether the carrier can be reached, and again each time that
// a request could not: without it a provider that was down would only be tried
// with somebody's message.
func (c *Client) watch(ctx context.Context) {
	wait := c.cfg.ReconnectMin
	for ctx.Err() == nil {
		if err := c.http.Reach(ctx, c.target); err != nil {
			c.set(false, "connecting: "+httpcall.Reason(err))
			c.rest(ctx, wait)
			wait = min(2*wait, c.cfg.ReconnectMax)
			continue
		}
		wait = c.cfg.ReconnectMin
		c.set(true, "reachable")
		select {
		case <-c.lost:
		case <-ctx.Done():
		}
	}
}

// unreachable notes that a request could not be made.
func (c *Client) unreachable(why string) {
	c.set(false, "connecting: "+why)
	select {
	case c.lost <- struct{}{}:
	default: // the watch has not looked since the last one
	}
}

// set logs a change, not each failed attempt.
func (c *Client) set(up bool, state string) {
	c.mu.Lock()
	changed := up != c.up
	c.up, c.state = up, state
	stopping := c.stopping
	c.mu.Unlock()
	switch {
	case !changed || stopping:
	case up:
		c.deps.Log.Info("http provider up", slog.String("provider", c.cfg.Name))
	default:
		c.deps.Log.Warn("http provider down", slog.String("provider", c.cfg.Name), slog.String("reason", state))
	}
}

// rest waits between half of d and d, so that many providers do not return at
// once.
func (c *Client) rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d/2 + time.Duration(c.deps.Jitter()*float64(d/2)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
