package sip

import (
	"time"

	"yanma.dev/yanma/internal/provider"
)

// Waits before a receipt that could not be stored is given again.
const (
	firstAgain   = time.Second
	longestAgain = 30 * time.Second
)

// deliver gives a receipt to the sink until it is stored: no trunk would tell it
// a second time.
func (c *Client) deliver(r provider.Receipt) {
	c.work.Go(func() {
		for wait := firstAgain; ; wait = min(2*wait, longestAgain) {
			stored := make(chan error, 1)
			c.deps.Sink.Receipt(c.cfg.Name, r, func(err error) { stored <- err })
			select {
			case err := <-stored:
				if err == nil {
					return
				}
			case <-c.life.Done():
				return
			}
			pause(c.life, wait)
			if c.life.Err() != nil {
				return
			}
		}
	})
}
