package outbox

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Calls differ from texts in three ways: none is made again of which nobody
// knows whether it rang, only one that did not reach anybody goes to another
// provider, and the life of a code begins when its call is answered.

// statusUnreachable is contracts/delivery.md §8's for a call that reached nobody.
const statusUnreachable = 4009

// mayResend tells whether a message of unknown outcome may be sent once more. A
// second text is a nuisance; a second call is a phone that rings.
func mayResend(m *store.Message) bool {
	return m.Resends == 0 && m.Channel != core.ChannelVoice
}

// ringsElsewhere tells whether an undelivered call may be made by another
// provider.
func ringsElsewhere(m *store.Message) bool {
	return m.Channel != core.ChannelVoice || m.Status == statusUnreachable
}

// wantCode names the code that a call speaks.
func wantCode(b *store.Batch, m *store.Message) {
	if m.Channel == core.ChannelVoice && m.Verification != 0 {
		b.Verifications.Want(m.Verification)
	}
}

// beginLife begins the life of the code of a call that was answered just now
// (contracts/jsms.md §3): until then it was counted from the last moment at which
// the call may be answered, which is the message's ValidUntil.
func beginLife(b *store.Batch, m *store.Message) {
	if m.Channel != core.ChannelVoice || m.Verification == 0 || !b.Verifications.Has(m.Verification) {
		return
	}
	v, found := b.Verifications.Get(m.Verification)
	life := v.Expires.Sub(m.ValidUntil)
	if !found || !v.State.Live() || life <= 0 {
		return
	}
	if ends := b.Now.Add(life); ends < v.Expires {
		v.Expires = ends
		b.PutVerification(v)
	}
}
