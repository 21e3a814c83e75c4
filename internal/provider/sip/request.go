package sip

import (
	"encoding/hex"
	"io"
	"net"
	"strconv"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"yanma.dev/yanma/internal/provider/sip/sdp"
)

// newInvite is the request that begins a call (RFC 3261 §13.2.1).
func (c *Client) newInvite(callID, tag, number string, offer []byte) *sip.Request {
	to := sip.Uri{Scheme: "sip", User: number, Host: c.cfg.Domain}
	r := c.outside(sip.INVITE, to)
	r.AppendHeader(c.from(tag))
	r.AppendHeader(&sip.ToHeader{Address: to})
	id := sip.CallIDHeader(callID)
	r.AppendHeader(&id)
	r.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: sip.INVITE})
	r.AppendHeader(c.contact())
	r.AppendHeader(sip.NewHeader("Allow", "INVITE, ACK, CANCEL, BYE, INFO, OPTIONS"))
	r.AppendHeader(sip.NewHeader("User-Agent", "yanma"))
	r.AppendHeader(sip.NewHeader("Content-Type", sdp.MediaType))
	r.SetBody(offer)
	return r
}

// newProbe asks whether the trunk is there.
func (c *Client) newProbe(callID, tag string) *sip.Request {
	to := sip.Uri{Scheme: "sip", Host: c.cfg.Domain}
	r := c.outside(sip.OPTIONS, to)
	r.AppendHeader(c.from(tag))
	r.AppendHeader(&sip.ToHeader{Address: to})
	id := sip.CallIDHeader(callID)
	r.AppendHeader(&id)
	r.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: sip.OPTIONS})
	r.AppendHeader(c.contact())
	r.SetBody(nil)
	return r
}

// outside is a request outside of any dialog, which goes to the trunk whatever
// its domain is.
func (c *Client) outside(method sip.RequestMethod, to sip.Uri) *sip.Request {
	r := sip.NewRequest(method, to)
	r.SetTransport(c.network())
	r.SetDestination(c.trunk)
	c.local(r)
	forwards := sip.MaxForwardsHeader(70)
	r.AppendHeader(&forwards)
	return r
}

func (c *Client) network() string {
	if c.cfg.Transport == "tcp" {
		return "TCP"
	}
	return "UDP"
}

// local makes a request leave from our socket.
func (c *Client) local(r *sip.Request) {
	if c.socket == nil {
		return
	}
	if at, ok := c.socket.LocalAddr().(*net.UDPAddr); ok {
		r.Laddr = sip.Addr{IP: at.IP, Port: at.Port}
	}
}

func (c *Client) from(tag string) *sip.FromHeader {
	h := &sip.FromHeader{Address: sip.Uri{Scheme: "sip", User: c.cfg.Source, Host: c.cfg.Domain}}
	h.Params.Add("tag", tag)
	return h
}

func (c *Client) contact() *sip.ContactHeader {
	h := &sip.ContactHeader{Address: sip.Uri{Scheme: "sip", User: c.cfg.Source, Host: c.told.Addr().String(), Port: int(c.told.Port())}}
	if h.Address.User == "" {
		h.Address.User = "yanma"
	}
	if c.cfg.Transport == "tcp" {
		h.Address.UriParams.Add("transport", "tcp")
	}
	return h
}

// inside is a request of a call that was answered (RFC 3261 §12.2.1.1).
func (c *Client) inside(method sip.RequestMethod, invite *sip.Request, answer *sip.Response, sequence uint32) *sip.Request {
	to := invite.Recipient
	if contact := answer.Contact(); contact != nil {
		to = *contact.Address.Clone()
	}
	r := sip.NewRequest(method, to)
	r.SetTransport(c.network())
	c.local(r)
	routes := answer.GetHeaders("Record-Route")
	for i := len(routes) - 1; i >= 0; i-- {
		r.AppendHeader(sip.NewHeader("Route", routes[i].Value()))
	}
	forwards := sip.MaxForwardsHeader(70)
	r.AppendHeader(&forwards)
	r.AppendHeader(sip.HeaderClone(invite.From()))
	r.AppendHeader(sip.HeaderClone(answer.To()))
	r.AppendHeader(sip.HeaderClone(invite.CallID()))
	r.AppendHeader(&sip.CSeqHeader{SeqNo: sequence, MethodName: method})
	r.SetBody(nil)
	return r
}

// newCancel takes back the INVITE as it was last sent: the same Via (RFC 3261
// §9.1).
func (c *Client) newCancel(invite *sip.Request) *sip.Request {
	r := sip.NewRequest(sip.CANCEL, invite.Recipient)
	r.SetTransport(c.network())
	r.SetDestination(c.trunk)
	c.local(r)
	r.AppendHeader(sip.HeaderClone(invite.Via()))
	forwards := sip.MaxForwardsHeader(70)
	r.AppendHeader(&forwards)
	r.AppendHeader(sip.HeaderClone(invite.From()))
	r.AppendHeader(sip.HeaderClone(invite.To()))
	r.AppendHeader(sip.HeaderClone(invite.CallID()))
	r.AppendHeader(&sip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sip.CANCEL})
	r.SetBody(nil)
	return r
}

// authorise is the INVITE with the digest that a challenge asks for: a new
// request of the same call (RFC 3261 §22.2). nil when there is no account, no
// challenge that can be answered, or it was answered before.
func (c *Client) authorise(invite *sip.Request, challenge *sip.Response) *sip.Request {
	asks, answers := "WWW-Authenticate", "Authorization"
	if challenge.StatusCode == sip.StatusProxyAuthRequired {
		asks, answers = "Proxy-Authenticate", "Proxy-Authorization"
	}
	asked := challenge.GetHeader(asks)
	if asked == nil || c.cfg.Account == "" || invite.GetHeader(answers) != nil {
		return nil
	}
	parsed, err := digest.ParseChallenge(asked.Value())
	if err != nil {
		return nil
	}
	credentials, err := digest.Digest(parsed, digest.Options{Method: string(sip.INVITE), URI: invite.Recipient.String(),
		Username: c.cfg.Account, Password: c.cfg.Password.Reveal()})
	if err != nil {
		return nil
	}
	next := invite.Clone() // the transaction before may still send its own
	next.RemoveHeader("Via")
	next.CSeq().SeqNo++
	next.AppendHeader(sip.NewHeader(answers, credentials.String()))
	return next
}

// token is n random octets as hexadecimal digits.
func (c *Client) token(n int) (string, error) {
	raw := make([]byte, n)
	if _, err := io.ReadFull(c.deps.Random, raw); err != nil {
		return "", err
	}
	return hex.EncodeToString(raw), nil
}

// retryAfter is the header's text; "" where there is none.
func retryAfter(r *sip.Response) string {
	if h := r.GetHeader("Retry-After"); h != nil {
		if h.Value() == "" {
			return strconv.Itoa(0)
		}
		return h.Value()
	}
	return ""
}
