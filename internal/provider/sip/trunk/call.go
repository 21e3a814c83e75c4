package trunk

import (
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"yanma.dev/yanma/internal/provider/sip/g711"
	"yanma.dev/yanma/internal/provider/sip/rtp"
	"yanma.dev/yanma/internal/provider/sip/sdp"
)

// Repetitions of an answer until it is acknowledged (RFC 3261 §13.3.1.4).
const (
	firstRepeat = 500 * time.Millisecond
	lastRepeat  = 4 * time.Second
)

// call is one call at its subscriber.
type call struct {
	server    *Server
	peer      net.Addr
	behaviour Behaviour
	call      Call

	mu       sync.Mutex
	invite   *sip.Request
	last     *sip.Response // the latest answer to the INVITE
	final    bool
	tag      string
	sequence uint32
	ended    chan struct{}
	over     bool
	acked    chan struct{}
	isAcked  bool
}

// run lives as long as the call.
func (c *call) run() {
	defer c.server.over(c)
	if c.behaviour.Trying {
		c.answer(sip.StatusTrying, "Trying", nil)
	}
	if c.behaviour.Ring {
		c.answer(sip.StatusRinging, "Ringing", nil)
	}
	if !c.wait(c.behaviour.After) || c.behaviour.Status < 0 {
		c.untilEnd()
		return
	}
	if status := c.behaviour.Status; status != 0 && status != sip.StatusOK {
		c.refuse(status)
		return
	}
	c.lift()
}

// wait is false when the call, or the trunk, ended before.
func (c *call) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ended:
	case <-c.server.life.Done():
	}
	return false
}

func (c *call) untilEnd() {
	select {
	case <-c.ended:
	case <-c.server.life.Done():
	}
}

// answer sends an answer to the INVITE; nothing follows a final one.
func (c *call) answer(status int, text string, change func(*sip.Response)) {
	c.mu.Lock()
	if c.final {
		c.mu.Unlock()
		return
	}
	r := sip.NewResponseFromRequest(c.invite, status, text, nil)
	if status != sip.StatusTrying {
		if c.tag == "" {
			c.tag, _ = r.To().Params.Get("tag")
		}
		r.To().Params.Add("tag", c.tag)
	}
	if change != nil {
		change(r)
	}
	c.last, c.final = r, !r.IsProvisional()
	c.mu.Unlock()
	if !r.IsProvisional() {
		c.server.final()
	}
	c.server.send(r, c.peer)
}

func (c *call) refuse(status int) {
	c.answer(status, "Refused", func(r *sip.Response) {
		if c.behaviour.RetryAfter != "" {
			r.AppendHeader(sip.NewHeader("Retry-After", c.behaviour.RetryAfter))
		}
	})
	c.repeat()
}

// repeat sends the answer again until the ACK comes, for at most 32 s.
func (c *call) repeat() {
	wait := firstRepeat
	for range 11 {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			c.mu.Lock()
			last := c.last
			c.mu.Unlock()
			c.server.send(last, c.peer)
		case <-c.acked:
			timer.Stop()
			return
		case <-c.ended:
			timer.Stop()
			return
		case <-c.server.life.Done():
			timer.Stop()
			return
		}
		wait = min(2*wait, lastRepeat)
	}
}

// lift answers and listens until somebody hangs up.
func (c *call) lift() {
	offer, err := sdp.ParseAnswer(c.invite.Body())
	socket, listened := (&net.ListenConfig{}).ListenPacket(c.server.life, "udp", "127.0.0.1:0")
	if err != nil || listened != nil {
		c.refuse(sip.StatusNotAcceptableHere)
		return
	}
	at, _ := netip.ParseAddrPort(socket.LocalAddr().String())
	c.call.Answered = true
	c.answer(sip.StatusOK, "OK", func(r *sip.Response) {
		body := sdp.AppendAnswer(nil, 1, at, c.behaviour.Law, sdp.EventType)
		if c.behaviour.NoMedia {
			body = sdp.AppendAnswer(nil, 1, netip.AddrPortFrom(at.Addr(), 0), g711.ALaw, 0)
		}
		local, _ := netip.ParseAddrPort(c.server.Addr())
		r.AppendHeader(&sip.ContactHeader{Address: sip.Uri{Scheme: "sip", User: c.call.To, Host: local.Addr().String(), Port: int(local.Port())}})
		r.AppendHeader(sip.NewHeader("Content-Type", sdp.MediaType))
		r.SetBody(body)
	})
	var around sync.WaitGroup
	around.Go(func() { c.listen(socket, offer) })
	around.Go(c.repeat)
	if c.behaviour.HangUp > 0 && c.wait(c.behaviour.HangUp) {
		c.call.HungUp = true
		c.ask(sip.BYE, nil, "")
		c.close()
	}
	c.untilEnd()
	_ = socket.Close()
	around.Wait()
}

// listen records what is spoken and presses the subscriber's keys.
func (c *call) listen(socket net.PacketConn, offer sdp.Answer) {
	buffer := make([]byte, 2048)
	pressed := 0
	for {
		n, _, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		p, err := rtp.Parse(buffer[:n])
		if err != nil || !c.call.Recording.Take(&p) {
			continue
		}
		for pressed < len(c.behaviour.Keys) && c.behaviour.Keys[pressed].Packets <= c.call.Recording.Packets {
			c.press(socket, offer, c.behaviour.Keys[pressed], uint16(10*pressed))
			pressed++
		}
	}
}

// press sends a key's event: begin and, three times, end.
func (c *call) press(socket net.PacketConn, offer sdp.Answer, k Key, sequence uint16) {
	if k.Info {
		c.ask(sip.INFO, []byte("Signal="+string(k.Key)+"\r\nDuration=160\r\n"), "application/dtmf-relay")
		return
	}
	event := rtp.Event{Key: k.Key, Volume: 10, Duration: 160}
	for i := range 4 {
		event.End = i > 0
		p := rtp.Packet{Type: offer.Events, Marker: i == 0, Sequence: sequence + uint16(i), Timestamp: uint32(sequence) * 1000, SSRC: 99, Payload: event.Append(nil)}
		_, _ = socket.WriteTo(p.Append(nil), net.UDPAddrFromAddrPort(offer.Media))
	}
}

// ask sends a request of the subscriber's within the call, once.
func (c *call) ask(method sip.RequestMethod, body []byte, mediaType string) {
	c.mu.Lock()
	c.sequence++
	sequence, invite := c.sequence, c.invite
	c.mu.Unlock()
	to := invite.Recipient
	if contact := invite.Contact(); contact != nil {
		to = *contact.Address.Clone()
	}
	r := sip.NewRequest(method, to)
	via := &sip.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "UDP", Host: "127.0.0.1"}
	local, _ := netip.ParseAddrPort(c.server.Addr())
	via.Port = int(local.Port())
	via.Params.Add("branch", "z9hG4bK"+c.call.ID[:8]+strconv.Itoa(int(sequence)))
	r.AppendHeader(via)
	from := &sip.FromHeader{Address: invite.To().Address}
	from.Params.Add("tag", c.tag)
	r.AppendHeader(from)
	caller := &sip.ToHeader{Address: invite.From().Address}
	if tag, ok := invite.From().Params.Get("tag"); ok {
		caller.Params.Add("tag", tag)
	}
	r.AppendHeader(caller)
	r.AppendHeader(sip.HeaderClone(invite.CallID()))
	r.AppendHeader(&sip.CSeqHeader{SeqNo: sequence, MethodName: method})
	if mediaType != "" {
		r.AppendHeader(sip.NewHeader("Content-Type", mediaType))
	}
	r.SetBody(body)
	c.server.send(r, c.peer)
}

// invitedAgain is a repetition of the INVITE.
func (c *call) invitedAgain(r *sip.Request) {
	c.mu.Lock()
	last := c.last
	same := r.CSeq().SeqNo == c.invite.CSeq().SeqNo
	c.mu.Unlock()
	if same && last != nil {
		c.server.send(last, c.peer)
	}
}

// asked takes the caller's further requests.
func (c *call) asked(r *sip.Request) {
	ok := func() { c.server.send(sip.NewResponseFromRequest(r, sip.StatusOK, "OK", nil), c.peer) }
	switch r.Method {
	case sip.ACK:
		c.mu.Lock()
		if c.final && !c.isAcked {
			c.isAcked = true
			close(c.acked)
		}
		c.mu.Unlock()
	case sip.CANCEL:
		ok()
		c.mu.Lock()
		late := c.final
		c.mu.Unlock()
		if !late {
			c.call.Cancelled = true
			c.answer(sip.StatusRequestTerminated, "Request Terminated", nil)
			c.close()
		}
	case sip.BYE:
		ok()
		c.close()
	default: // nothing else is needed of a callee
	}
}

func (c *call) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.over = true
		close(c.ended)
	}
}
