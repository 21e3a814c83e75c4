package smpp

import (
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/link"
	"yanma.dev/yanma/internal/provider/pace"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

// verdict is the row of a status in contracts/delivery.md §2.2.
type verdict struct {
	class  provider.Class
	effect link.Effect
}

// classify is contracts/delivery.md §2.2 for a submission's status. Decided
// here: "rebind" and "retry" (system error, temporary application error) are
// Throttled without slowing the link, because the SMSC did not take the
// message and may later; "retry once" is done by the link itself, and a second
// refusal is Rejected, so that another provider may be tried. What speaks of
// the bind says nothing about the message: binding anew shows what it is.
func (cfg *Config) classify(s pdu.Status) verdict {
	switch s {
	case pdu.OK:
		return verdict{class: provider.Accepted}
	case pdu.MsgQueueFull, pdu.Throttled:
		return verdict{class: provider.Throttled, effect: link.EffectSlow}
	case pdu.InvBndStatus, pdu.AlreadyBound, pdu.BindFail, pdu.InvPassword, pdu.InvSystemID:
		return verdict{class: provider.Throttled, effect: link.EffectRelogin}
	case pdu.SysErr, pdu.AppTemporary:
		return verdict{class: provider.Throttled}
	case pdu.DeliveryFail, pdu.UnknownErr:
		return verdict{class: provider.Rejected, effect: link.EffectRetry}
	default:
		return cfg.classifyOther(s)
	}
}

// classifyOther is the rest of the table: vendors' own by their table, else
// permanent.
func (cfg *Config) classifyOther(s pdu.Status) verdict {
	if class, ok := cfg.VendorStatus[s]; ok && s >= pdu.VendorFirst && s <= pdu.VendorLast {
		if class == provider.Throttled {
			return verdict{class: class, effect: link.EffectSlow}
		}
		return verdict{class: class}
	}
	return verdict{class: provider.Rejected}
}

// outcome is a status as the outbox takes it.
func outcome(class provider.Class, s pdu.Status) provider.Outcome {
	o := provider.Outcome{Class: class}
	if s != pdu.OK {
		o.Code, o.Detail = s.String(), s.Name()
	}
	if class == provider.Throttled {
		o.RetryAfter = pace.PauseAfterThrottle
	}
	return o
}

// stopsLink tells whether a refused bind can only be mended in the
// configuration (contracts/delivery.md §2.2: stop, alert).
func stopsLink(s pdu.Status) bool { return s == pdu.InvPassword || s == pdu.InvSystemID }
