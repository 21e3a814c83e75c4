package smpp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"yanma.dev/yanma/internal/provider/smpp/pdu"
	"yanma.dev/yanma/internal/provider/smpp/wire"
)

// bindError is a bind that the SMSC refused.
type bindError struct{ status pdu.Status }

func (e bindError) Error() string {
	return fmt.Sprintf("bind refused: %s (%s)", e.status.Name(), e.status)
}

// run keeps a link up until ctx ends, or the SMSC refuses the credentials.
func (c *Client) run(ctx context.Context) {
	defer close(c.finished)
	wait := c.cfg.ReconnectMin
	for ctx.Err() == nil {
		l, err := c.connect(ctx)
		if err == nil {
			began := c.deps.Now()
			err = c.serve(ctx, l)
			if c.deps.Now().Sub(began) >= c.cfg.EnquireEvery {
				wait = c.cfg.ReconnectMin
			}
		}
		if ctx.Err() != nil {
			break
		}
		if refused := (bindError{}); errors.As(err, &refused) && stopsLink(refused.status) {
			c.setState("stopped: " + refused.status.Name())
			c.deps.Log.Error("smpp link stopped", slog.String("link", c.cfg.Name), slog.String("reason", refused.Error()))
			return
		}
		c.setState("connecting: " + err.Error())
		c.deps.Log.Warn("smpp link down", slog.String("link", c.cfg.Name), slog.String("reason", err.Error()))
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

// connect dials and binds within the response time-out.
func (c *Client) connect(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.ResponseTimeout)
	defer cancel()
	nc, err := c.deps.Dial(ctx, "tcp", c.cfg.Addr)
	if err != nil {
		return nil, err
	}
	conn := wire.New(nc, c.deps.Now, wire.Timeouts{
		Idle:  c.cfg.ResponseTimeout, // while binding; none afterwards: the watch looks after silence
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
	if err := l.bind(); err != nil {
		conn.Close(err)
		<-l.writerDone
		return nil, err
	}
	conn.SetIdle(0)
	return l, nil
}

// bind asks for a transceiver and waits for the answer.
func (l *link) bind() error {
	request := l.client.cfg.bind()
	seq := l.nextSeq()
	_, err := l.conn.Append(func(dst []byte) ([]byte, error) {
		return pdu.AppendBind(dst, pdu.BindTransceiver, seq, &request)
	})
	if err != nil {
		return err
	}
	for {
		h, _, err := l.conn.Next()
		switch {
		case err != nil:
			return fmt.Errorf("bind: %w", err)
		case h.ID == pdu.EnquireLink:
			_ = l.conn.Empty(pdu.EnquireLinkResp, pdu.OK, h.Seq) // a closed connection shows at Next
		case h.Seq == seq && (h.ID == pdu.BindTransceiverResp || h.ID == pdu.GenericNack):
			if h.Status != pdu.OK || h.ID == pdu.GenericNack {
				return bindError{h.Status}
			}
			return nil
		default:
			return fmt.Errorf("bind: unexpected command %s", h.ID)
		}
	}
}

// serve runs a bound link until it ends, settles what is left on it, and tells why it ended.
func (c *Client) serve(ctx context.Context, l *link) error {
	unwatch := context.AfterFunc(ctx, func() { l.conn.Close(context.Cause(ctx)) })
	defer unwatch()
	c.deps.Log.Info("smpp link up", slog.String("link", c.cfg.Name))
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
