package link

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"yanma.dev/yanma/internal/provider/frame"
)

// FatalError is a login that only another configuration can mend: the client
// stops and does not try again.
type FatalError struct {
	Short string // for Health: "invalid password"
	Err   error  // the whole of it
}

// Error is the whole of it.
func (e *FatalError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *FatalError) Unwrap() error { return e.Err }

// run keeps a link up until ctx ends, or the peer refuses the credentials.
func (c *Client) run(ctx context.Context) {
	defer close(c.finished)
	wait := c.cfg.ReconnectMin
	for ctx.Err() == nil {
		l, err := c.connect(ctx)
		if err == nil {
			began := c.deps.Now()
			err = c.serve(ctx, l)
			if c.deps.Now().Sub(began) >= c.cfg.ProbeEvery {
				wait = c.cfg.ReconnectMin
			}
		}
		if ctx.Err() != nil {
			break
		}
		if fatal, ok := errors.AsType[*FatalError](err); ok {
			c.setState("stopped: " + fatal.Short)
			c.log().Error("link stopped", slog.String("reason", fatal.Error()))
			return
		}
		c.setState("connecting: " + err.Error())
		c.log().Warn("link down", slog.String("reason", err.Error()))
		c.rest(ctx, wait)
		wait = min(2*wait, c.cfg.ReconnectMax)
	}
	c.setState("stopped")
}

// rest waits between half of d and d, so that many links do not return at once.
func (c *Client) rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d/2 + time.Duration(c.deps.Jitter()*float64(d/2)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// connect dials and logs in within the response time-out.
func (c *Client) connect(ctx context.Context) (*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.ResponseTimeout)
	defer cancel()
	nc, err := c.deps.Dial(ctx, "tcp", c.cfg.Addr)
	if err != nil {
		return nil, err
	}
	conn := NewConn(nc, c.cfg.Format, c.deps.Now, Timeouts{
		Idle:  c.cfg.ResponseTimeout, // during the login; none afterwards: the watch looks after silence
		Frame: c.cfg.ResponseTimeout,
		Write: c.cfg.ResponseTimeout,
	})
	unwatch := context.AfterFunc(ctx, func() { conn.Close(context.Cause(ctx)) })
	defer unwatch()
	l := newLink(c, conn)
	go func() {
		defer close(l.writerDone)
		conn.WriteLoop()
	}()
	if err := c.protocol.Login(l); err != nil {
		conn.Close(err)
		<-l.writerDone
		return nil, err
	}
	conn.SetIdle(0)
	return l, nil
}

// serve runs a link until it ends, settles what is left on it, and tells why it ended.
func (c *Client) serve(ctx context.Context, l *Link) error {
	unwatch := context.AfterFunc(ctx, func() { l.conn.Close(context.Cause(ctx)) })
	defer unwatch()
	c.log().Info("link up")
	c.link.Store(l)
	var reader sync.WaitGroup
	reader.Go(l.readLoop)
	l.watch()
	c.setState("connecting: " + l.reason().Error())
	c.link.CompareAndSwap(l, nil)
	reader.Wait()
	<-l.writerDone
	l.abandon()
	return l.reason()
}

// readLoop takes what the peer sends until the connection ends.
func (l *Link) readLoop() {
	for {
		octets, err := l.conn.Next()
		if errors.Is(err, frame.ErrLength) {
			// The stream is out of step: contracts/delivery.md §2.4, §3.5.
			answer, why := l.client.protocol.OutOfStep(octets)
			l.PeerLeaves(why, answer)
			return
		}
		if err != nil {
			l.conn.Close(err)
			return
		}
		l.lastRead.Store(int64(l.client.deps.Now().Sub(l.began)))
		if !l.client.protocol.Handle(l, octets) {
			return
		}
	}
}
