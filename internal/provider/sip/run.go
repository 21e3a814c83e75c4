package sip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Waits between two tries of what failed, and for the answer to a probe.
const (
	firstRetry   = time.Second
	longestRetry = 30 * time.Second
	probeWait    = 5 * time.Second
)

// run opens the socket, keeps an eye on the trunk, and clears up after the last
// call.
func (c *Client) run() {
	defer close(c.finished)
	retry := firstRetry
	for c.life.Err() == nil {
		err := c.open(c.life)
		if err == nil {
			c.watch()
			break
		}
		c.set(false, "connecting: "+reason(err))
		pause(c.life, min(retry, c.cfg.Response))
		retry = min(2*retry, longestRetry)
	}
	<-c.life.Done()
	c.closeDoor()
	c.work.Wait()
	if c.socket != nil {
		_ = c.socket.Close()
	}
	if c.ua != nil {
		_ = c.ua.TransportLayer().Close() // transactions that are left end at their next timer, see abandon
	}
	if c.served != nil {
		<-c.served
	}
	close(c.shut)
	c.left.Wait()
	c.set(false, "stopped")
}

// closeDoor returns when every Submit that began a call has counted it; begin
// lets no more in, since the client's life is over.
func (c *Client) closeDoor() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up = false
}

// abandon leaves an INVITE alone that has no answer yet, until it ends by itself.
// It must not be terminated then: a timer of sipgo v1.3.0 that fires at that
// moment dereferences nil. Nor may its answers be left unread: the transaction
// would hang on them.
func (c *Client) abandon(tx sip.ClientTransaction) {
	c.left.Go(func() {
		for {
			select {
			case <-tx.Responses():
			case <-tx.Done():
				return
			case <-c.shut:
				return
			}
		}
	})
}

// reason is an error without addresses of ours.
func reason(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "no such host"
	}
	return err.Error()
}

// open finds the way to the trunk and listens there for what it asks.
func (c *Client) open(ctx context.Context) error {
	way, err := (&net.Dialer{}).DialContext(ctx, "udp", c.cfg.Addr) // asks the routing table: nothing is sent
	if err != nil {
		return err
	}
	trunk, own := way.RemoteAddr().String(), way.LocalAddr().String()
	_ = way.Close()
	at, err := netip.ParseAddrPort(own)
	if err != nil {
		return err
	}
	listen := netip.AddrPortFrom(at.Addr().Unmap(), 0)
	if c.cfg.Listen != "" {
		if listen, err = netip.ParseAddrPort(c.cfg.Listen); err != nil {
			return err
		}
	}
	c.trunk, c.own, c.told = trunk, listen.Addr(), listen
	if c.cfg.Transport == "udp" {
		socket, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", listen.String())
		if err != nil {
			return err
		}
		peer, err := netip.ParseAddrPort(trunk)
		if err != nil {
			return errors.Join(err, socket.Close())
		}
		c.socket = &fromTrunk{socket, peer.Addr().Unmap()}
		if c.told, err = netip.ParseAddrPort(c.socket.LocalAddr().String()); err != nil {
			return errors.Join(err, c.socket.Close())
		}
	} else {
		c.told = netip.AddrPortFrom(c.own, 5060) // nothing listens there: the trunk uses the connection
	}
	if c.cfg.MediaIP != "" {
		c.told = netip.AddrPortFrom(netip.MustParseAddr(c.cfg.MediaIP), c.told.Port())
	}
	return c.serve()
}

// serve starts the SIP stack on the socket. Its own log holds whole messages, and
// so numbers: it goes nowhere.
func (c *Client) serve() (err error) {
	quiet := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError + 1}))
	if c.ua, err = sipgo.NewUA(sipgo.WithUserAgent("yanma"), sipgo.WithUserAgentHostname(c.told.Addr().String()),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(quiet), sip.WithTransactionLayerUnhandledResponseHandler(func(*sip.Response) {}),
			sip.WithTransactionLayerTerminateOnConnClose()),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(quiet))); err != nil {
		return err
	}
	// The address in Via is the one that answers must come to.
	options := []sipgo.ClientOption{sipgo.WithClientLogger(quiet), sipgo.WithClientNAT()}
	if c.socket != nil {
		options = append(options, sipgo.WithClientHostname(c.told.Addr().String()), sipgo.WithClientPort(int(c.told.Port())))
	}
	if c.sip, err = sipgo.NewClient(c.ua, options...); err != nil {
		return err
	}
	c.ua.TransactionLayer().OnRequest(c.asked)
	if c.socket != nil {
		c.served = make(chan struct{})
		go func() {
			defer close(c.served)
			_ = c.ua.TransportLayer().ServeUDP(c.socket) // ends when the socket is closed
		}()
		c.awaitServed()
	}
	return nil
}

// awaitServed waits until the stack knows the socket: a request before that
// would open another one.
func (c *Client) awaitServed() {
	for range 1000 {
		if _, err := c.ua.TransportLayer().GetConnection("udp", c.socket.LocalAddr().String()); err == nil {
			return
		}
		pause(c.life, time.Millisecond)
	}
}

// watch asks the trunk whether it is there until Stop. Any answer will do.
func (c *Client) watch() {
	if c.cfg.Probe < 0 {
		c.set(true, "not probed")
		return
	}
	retry := firstRetry
	for c.life.Err() == nil {
		if err := c.probe(); err != nil {
			c.set(false, "no answer to OPTIONS")
			pause(c.life, min(retry, c.cfg.Probe))
			retry = min(2*retry, longestRetry)
			continue
		}
		c.set(true, "answers OPTIONS")
		retry = firstRetry
		pause(c.life, c.cfg.Probe)
	}
}

func (c *Client) probe() error {
	id, err := c.token(16)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.life, min(probeWait, c.cfg.Response))
	defer cancel()
	if _, err = c.sip.Do(ctx, c.newProbe(id, id[:8]), sipgo.ClientRequestAddVia); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return nil
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// fromTrunk is a socket that hears the trunk only: whoever else finds the port
// does not reach the SIP parser.
type fromTrunk struct {
	net.PacketConn
	peer netip.Addr
}

// ReadFrom steps over what comes from elsewhere.
func (s *fromTrunk) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.PacketConn.ReadFrom(b)
		if at, ok := from.(*net.UDPAddr); err != nil || ok && at.AddrPort().Addr().Unmap() == s.peer {
			return n, from, err
		}
	}
}

// asked answers the trunk's requests.
func (c *Client) asked(r *sip.Request, tx *sip.ServerTx) {
	answer := func(status int, text string) {
		_ = tx.Respond(sip.NewResponseFromRequest(r, status, text, nil)) // who asked asks again
	}
	found := c.find(r)
	switch {
	case r.IsAck():
		tx.Terminate()
	case r.Method == sip.OPTIONS:
		answer(sip.StatusOK, "OK")
	case found == nil:
		answer(sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	case r.Method == sip.BYE:
		answer(sip.StatusOK, "OK")
		found.hangUp.Do(func() { close(found.hungUp) })
	case r.Method == sip.INFO:
		answer(sip.StatusOK, "OK")
		if h := r.GetHeader("Content-Type"); h != nil {
			if _, ok := keyOf(h.Value(), r.Body()); ok {
				found.press()
			}
		}
	case r.IsInvite(): // another description: the one before stays
		answer(sip.StatusNotAcceptableHere, "Not Acceptable Here")
	default:
		answer(sip.StatusMethodNotAllowed, "Method Not Allowed")
	}
}

// find is the call that a request of the trunk belongs to.
func (c *Client) find(r *sip.Request) *call {
	id := r.CallID()
	if id == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[id.Value()]
}
