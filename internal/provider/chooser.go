package provider

import "yanma.dev/yanma/internal/core"

// Chooser is a Provider that can not carry every message: a carrier that takes
// no free text, for instance, has to know the message's template, and CMPP has
// numbers of the mainland only. A route skips it for the others; Submit would
// answer Rejected with nothing written.
type Chooser interface {
	Provider
	// Carries tells whether m can be sent this way. It looks at To, Channel,
	// Template and Params, and asks nobody.
	Carries(m *Message) bool
}

// Carries tells whether p can carry m: a Provider that is no Chooser carries
// every text and makes no calls.
func Carries(p Provider, m *Message) bool {
	c, choosy := p.(Chooser)
	if !choosy {
		return m.Channel != core.ChannelVoice
	}
	return c.Carries(m)
}
