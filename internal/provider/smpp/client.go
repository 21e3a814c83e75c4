package smpp

import (
	"context"
	"fmt"
	"sync/atomic"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/link"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

// Client is one account at an SMSC, over one link or several. It implements
// provider.Provider; Start, Health and Stop are the links'.
type Client struct {
	*link.Client
	cfg  Config
	deps Deps
	ref  atomic.Uint32 // of concatenation headers
}

var _ provider.Provider = (*Client)(nil)

// New returns a client for a link. It fails for a configuration that can never
// work, such as a password over eight octets.
func New(cfg Config, deps Deps) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := deps.check(); err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, deps: deps}
	c.Client = link.New(cfg.link(), link.Deps{Now: deps.Now, Jitter: deps.Jitter, Log: deps.Log, Dial: cfg.TLS.Over(deps.Dial, deps.Now)}, c.members()...)
	c.ref.Store(uint32(deps.Jitter() * 256))
	return c, nil
}

// members are the binds: transceivers, or transmitters and as many receivers.
func (c *Client) members() []link.Member {
	if c.cfg.Bind == BindTransceiver && c.cfg.Binds == 1 {
		return []link.Member{{Protocol: &session{client: c, bind: pdu.BindTransceiver}}}
	}
	var all []link.Member
	for n := 1; n <= c.cfg.Binds; n++ {
		if c.cfg.Bind == BindTransceiver {
			all = append(all, link.Member{Label: fmt.Sprintf("trx %d", n), Protocol: &session{client: c, bind: pdu.BindTransceiver}})
			continue
		}
		all = append(all,
			link.Member{Label: fmt.Sprintf("tx %d", n), Protocol: &session{client: c, bind: pdu.BindTransmitter}},
			link.Member{Label: fmt.Sprintf("rx %d", n), Protocol: &session{client: c, bind: pdu.BindReceiver}, ReceiveOnly: true})
	}
	return all
}

// Submit hands one message over (see provider.Provider). ctx and the message's
// validity bound the wait for the window and the pace; a message of which a part
// is queued is no longer given up.
func (c *Client) Submit(ctx context.Context, m *provider.Message, done func(provider.Outcome)) {
	var d draft
	if err := c.compose(m, &d); err != nil {
		done(link.Refused(err))
		return
	}
	var scratch [maxOctets]byte
	c.Send(ctx, m.Validity, len(d.parts), func(dst []byte, _ link.Protocol, part int, seq uint32) ([]byte, error) {
		d.part(part, scratch[:])
		return pdu.AppendSM(dst, pdu.SubmitSM, seq, &d.sm)
	}, done)
}

// maxOctets is the room of one part's text: more than 160 septets, or 140
// octets of UCS-2 with its header.
const maxOctets = 168
