package cmpp

import (
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/link"
	"yanma.dev/yanma/internal/provider/pace"
)

// classify is contracts/delivery.md §3.3 for the result of a SUBMIT. A result
// that the table lacks is permanent, like 9.
func classify(r pdu.Result) (provider.Class, link.Effect) {
	switch r {
	case pdu.ResultOK:
		return provider.Accepted, link.EffectNone
	case pdu.ResultSequence:
		return provider.Unknown, link.EffectNone // an earlier one may have been taken
	case pdu.ResultFlowControl:
		return provider.Throttled, link.EffectSlow
	default:
		return provider.Rejected, link.EffectNone
	}
}

// outcome is a result as the outbox takes it.
func outcome(class provider.Class, r pdu.Result) provider.Outcome {
	o := provider.Outcome{Class: class}
	if r != pdu.ResultOK {
		o.Code, o.Detail = r.String(), r.Name()
	}
	if class == provider.Throttled {
		o.RetryAfter = pace.PauseAfterThrottle
	}
	return o
}

// isOurs tells whether a result says that the configuration or the packet is
// wrong, which an operator must hear of (contracts/delivery.md §3.3: alert).
func isOurs(r pdu.Result) bool {
	switch r {
	case pdu.ResultMalformed, pdu.ResultCommand, pdu.ResultLength, pdu.ResultFeeCode, pdu.ResultTooLong, pdu.ResultServiceID:
		return true
	default:
		return false
	}
}

// stopsLink tells whether a refused login can only be mended in the
// configuration (contracts/delivery.md §3.2: stop, alert).
func stopsLink(s pdu.ConnectStatus) bool {
	return s == pdu.ConnectMalformed || s == pdu.ConnectBadSource || s == pdu.ConnectAuthFailed
}
