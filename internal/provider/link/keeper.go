package link

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/frame"
	"yanma.dev/yanma/internal/provider/pace"
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

// keeper keeps one of a client's links up.
type keeper struct {
	client      *Client
	label       string // for Health
	name        string // for logs
	protocol    Protocol
	receiveOnly bool
	pace        *pace.Pace
	link        atomic.Pointer[Link] // nil while there is none that takes submissions

	mu    sync.Mutex
	state string // for Health while there is no link
}

func newKeeper(c *Client, m Member) *keeper {
	k := &keeper{client: c, label: m.Label, name: c.cfg.Name, protocol: m.Protocol, receiveOnly: m.ReceiveOnly,
		pace: pace.New(c.cfg.RatePerSecond), state: "not started"}
	if m.Label != "" {
		k.name += " " + m.Label
	}
	return k
}

func (k *keeper) health() provider.LinkHealth {
	if l := k.link.Load(); l != nil {
		return provider.LinkHealth{Name: k.label, Up: true, Detail: "bound", Window: len(l.places)}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return provider.LinkHealth{Name: k.label, Detail: k.state}
}

func (k *keeper) setState(state string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state = state
}

// log is the log with what every line says.
func (k *keeper) log() *slog.Logger {
	return k.client.deps.Log.With(slog.String("kind", k.client.cfg.Kind), slog.String("link", k.name))
}

// takeOut is the end of a link's use for submissions.
func (k *keeper) takeOut(l *Link) {
	k.link.CompareAndSwap(l, nil)
	k.client.serveLine()
}

// run keeps a link up until ctx ends, or the peer refuses the credentials.
func (k *keeper) run(ctx context.Context) {
	c := k.client
	wait := c.cfg.ReconnectMin
	for ctx.Err() == nil {
		l, err := k.connect(ctx)
		if err == nil {
			began := c.deps.Now()
			err = k.serve(ctx, l)
			if c.deps.Now().Sub(began) >= c.cfg.ProbeEvery {
				wait = c.cfg.ReconnectMin
			}
		}
		if ctx.Err() != nil {
			break
		}
		if fatal, ok := errors.AsType[*FatalError](err); ok {
			k.setState("stopped: " + fatal.Short)
			k.log().Error("link stopped", slog.String("reason", fatal.Error()))
			return
		}
		k.setState("connecting: " + err.Error())
		k.log().Warn("link down", slog.String("reason", err.Error()))
		k.rest(ctx, wait)
		wait = min(2*wait, c.cfg.ReconnectMax)
	}
	k.setState("stopped")
}

// rest waits between half of d and d, so that many links do not return at once.
func (k *keeper) rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d/2 + time.Duration(k.client.deps.Jitter()*float64(d/2)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// connect dials and logs in within the response time-out.
func (k *keeper) connect(ctx context.Context) (*Link, error) {
	c := k.client
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
	l := newLink(k, conn)
	go func() {
		defer close(l.writerDone)
		conn.WriteLoop()
	}()
	if err := k.protocol.Login(l); err != nil {
		conn.Close(err)
		<-l.writerDone
		return nil, err
	}
	conn.SetIdle(0)
	return l, nil
}

// serve runs a link until it ends, settles what is left on it, and tells why it ended.
func (k *keeper) serve(ctx context.Context, l *Link) error {
	unwatch := context.AfterFunc(ctx, func() { l.conn.Close(context.Cause(ctx)) })
	defer unwatch()
	k.log().Info("link up")
	k.link.Store(l)
	k.client.serveLine()
	var reader sync.WaitGroup
	reader.Go(l.readLoop)
	l.watch()
	k.setState("connecting: " + l.reason().Error())
	k.takeOut(l)
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
			answer, why := l.keeper.protocol.OutOfStep(octets)
			l.PeerLeaves(why, answer)
			return
		}
		if err != nil {
			l.conn.Close(err)
			return
		}
		l.lastRead.Store(int64(l.keeper.client.deps.Now().Sub(l.began)))
		if !l.keeper.protocol.Handle(l, octets) {
			return
		}
	}
}

// leaveInOrder ends the link in the protocol's way and waits for the peer's answer.
func (k *keeper) leaveInOrder(ctx context.Context) {
	l := k.link.Load()
	if l == nil {
		return
	}
	l.retire(errors.New("stopped"))
	timer := time.NewTimer(k.client.cfg.ResponseTimeout)
	defer timer.Stop()
	select {
	case <-l.conn.Down():
	case <-timer.C:
	case <-ctx.Done():
	}
}
