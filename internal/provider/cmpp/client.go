package cmpp

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/link"
)

// Client is one account at a gateway, over one link or several. It implements
// provider.Provider; Start, Health and Stop are the links'.
type Client struct {
	*link.Client
	cfg  Config
	deps Deps
	ref  atomic.Uint32 // of concatenation headers
}

var _ provider.Chooser = (*Client)(nil)

// New returns a client for a link. It fails for a configuration that can never
// work, such as an SP_Id over six characters.
func New(cfg Config, deps Deps) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := deps.check(); err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, deps: deps}
	c.Client = link.New(cfg.link(), link.Deps{Now: deps.Now, Jitter: deps.Jitter, Log: deps.Log, Dial: deps.Dial}, c.members()...)
	c.ref.Store(uint32(deps.Jitter() * 256))
	return c, nil
}

// members are the links.
func (c *Client) members() []link.Member {
	all := make([]link.Member, c.cfg.Links)
	for i := range all {
		all[i].Protocol = &session{client: c, ask: c.cfg.Version}
		if len(all) > 1 {
			all[i].Label = fmt.Sprintf("link %d", i+1)
		}
	}
	return all
}

// Carries tells whether m goes to a number of the mainland, as a text
// (see provider.Chooser).
func (c *Client) Carries(m *provider.Message) bool {
	return m.Channel == core.ChannelSMS && strings.HasPrefix(m.To.E164(), chinaCallingCode)
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
	c.Send(ctx, m.Validity, len(d.parts), func(dst []byte, by link.Protocol, part int, seq uint32) ([]byte, error) {
		d.part(part, scratch[:])
		// Of the connection that is up: dst is on no other.
		return pdu.AppendSubmit(dst, by.(*session).spoken(), seq, &d.submit)
	}, done)
}

// maxOctets is the room of one part's text.
const maxOctets = 160
