package link

import (
	"errors"
	"slices"
	"time"
)

// admit waits for a place in the window of one of the links and then for that
// link's pace, but for no longer than a life that began then: what is over when
// its turn comes must not leave. A life of 0 is for ever.
func (c *Client) admit(began time.Time, life time.Duration, giveUp <-chan struct{}) (*Link, error) {
	now := began
	for {
		l, err := c.place(rest(life, now.Sub(began)), giveUp)
		if err != nil {
			return nil, err
		}
		now = c.deps.Now()
		wait := l.keeper.pace.Reserve(now)
		if wait == 0 {
			return l, nil
		}
		err = l.sleep(wait, rest(life, now.Sub(began)), giveUp, c.stop)
		if err == nil {
			return l, nil
		}
		l.release()
		if !errors.Is(err, errDown) {
			return nil, err
		}
		now = c.deps.Now() // another link may be up
	}
}

// rest is what is left of a life, at least a moment; 0 of one without an end.
func rest(life, passed time.Duration) time.Duration {
	if life <= 0 {
		return 0
	}
	return max(life-passed, 1)
}

// place waits for a place in the window of a link, first come first served.
func (c *Client) place(life time.Duration, giveUp <-chan struct{}) (*Link, error) {
	if c.waiting.Load() == 0 {
		if l, up := c.free(); l != nil {
			return l, nil
		} else if !up {
			return nil, errNoLink
		}
	}
	granted := c.queueUp()
	over, end := ending(life)
	defer end()
	err := errGaveUp
	select {
	case l := <-granted:
		return given(l)
	case <-over:
		err = errTooLate
	case <-c.stop:
		err = errStopping
	case <-giveUp:
	}
	if c.leaveQueue(granted) {
		return nil, err
	}
	return given(<-granted) // at the same moment
}

func given(l *Link) (*Link, error) {
	if l == nil {
		return nil, errNoLink
	}
	return l, nil
}

// queueUp adds a Send to those that wait. It gets a link on which it has a
// place, or nil when there is no link left.
func (c *Client) queueUp() chan *Link {
	granted := make(chan *Link, 1)
	c.lineMu.Lock()
	c.line = append(c.line, granted)
	c.waiting.Store(int32(len(c.line)))
	c.lineMu.Unlock()
	c.serveLine() // a place may have become free before anyone could know of it
	return granted
}

// leaveQueue is false when a link was given meanwhile.
func (c *Client) leaveQueue(granted chan *Link) bool {
	c.lineMu.Lock()
	defer c.lineMu.Unlock()
	i := slices.Index(c.line, granted)
	if i >= 0 {
		c.line = slices.Delete(c.line, i, i+1)
		c.waiting.Store(int32(len(c.line)))
	}
	return i >= 0
}

// serveLine gives free places to those who wait, in their order. It is called
// whenever a place has become free, or a link has come or gone.
func (c *Client) serveLine() {
	if c.waiting.Load() == 0 {
		return
	}
	c.lineMu.Lock()
	defer c.lineMu.Unlock()
	served := 0
	for ; served < len(c.line); served++ {
		l, up := c.free()
		if l == nil && up {
			break
		}
		c.line[served] <- l
	}
	c.line = slices.Delete(c.line, 0, served)
	c.waiting.Store(int32(len(c.line)))
}

// free takes a place on a link that has one, if any has; up tells whether any
// link is there at all.
func (c *Client) free() (l *Link, up bool) {
	for {
		best, up := c.best()
		if best == nil {
			return nil, up
		}
		select {
		case best.places <- struct{}{}:
			return best, true
		default: // somebody else took it
		}
	}
}

// best is the link that may send soonest of those with a free place, and of
// these the emptiest.
func (c *Client) best() (best *Link, up bool) {
	if len(c.senders) == 1 {
		l := c.senders[0].link.Load()
		if l == nil || len(l.places) == cap(l.places) {
			return nil, l != nil
		}
		return l, true
	}
	now := c.deps.Now()
	var soonest time.Duration
	for _, k := range c.senders {
		l := k.link.Load()
		if l == nil {
			continue
		}
		up = true
		if len(l.places) == cap(l.places) {
			continue
		}
		wait := k.pace.Ahead(now)
		if best == nil || wait < soonest || wait == soonest && len(l.places) < len(best.places) {
			best, soonest = l, wait
		}
	}
	return best, up
}

// admit waits for a place in this link's window and for its pace, for a part of
// a message of which another one has left.
func (l *Link) admit() error {
	select {
	case l.places <- struct{}{}:
	case <-l.conn.Down():
		return errDown
	}
	wait := l.keeper.pace.Reserve(l.keeper.client.deps.Now())
	if wait == 0 {
		return nil
	}
	err := l.sleep(wait, 0, nil, nil)
	if err != nil {
		l.release()
	}
	return err
}

// release gives a place back.
func (l *Link) release() {
	<-l.places
	l.keeper.client.serveLine()
}

// sleep waits for the link's pace. What would be over by then does not wait.
func (l *Link) sleep(d, life time.Duration, giveUp, stop <-chan struct{}) error {
	if life > 0 && d >= life {
		return errTooLate
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-giveUp:
		return errGaveUp
	case <-stop:
		return errStopping
	case <-l.conn.Down():
		return errDown
	}
}

// ending is a channel that tells when life is over; never for 0.
func ending(life time.Duration) (over <-chan time.Time, end func() bool) {
	if life <= 0 {
		return nil, func() bool { return false }
	}
	timer := time.NewTimer(life)
	return timer.C, timer.Stop
}
