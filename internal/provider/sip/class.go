package sip

import (
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/receipt"
)

// VoiceNoMedia is the code of a call that was answered by something that takes
// no audio of ours: jsms status 4100.
const VoiceNoMedia = "VOICE:NOMEDIA"

// restAfterBusy is how long to wait when a trunk says that it is overloaded and
// not for how long; the longest that is believed is a minute.
const (
	restAfterBusy = time.Second
	longestRest   = time.Minute
)

// verdict is what the end of a call's signalling means: either an outcome of the
// submission (the trunk did not try) or the code of a receipt (it did).
type verdict struct {
	class   provider.Class // 0 when the call was tried
	code    string         // of the receipt, or of the outcome
	after   time.Duration  // for Throttled
	account bool           // the trunk does not take our account
}

// judge is the table of RFC 3261 §21's final answers to a call.
func judge(status int, retryAfter string) verdict {
	code := "SIP:" + strconv.Itoa(status)
	switch status {
	case sip.StatusBusyHere, 600, sip.StatusGlobalDecline, 607, 608: // 603, 607, 608: the callee pressed "no"
		return verdict{code: receipt.VoiceBusy}
	case sip.StatusTemporarilyUnavailable, sip.StatusRequestTimeout, sip.StatusRequestTerminated:
		return verdict{code: receipt.VoiceNoAnswer}
	case sip.StatusServiceUnavailable:
		if retryAfter != "" {
			return verdict{class: provider.Throttled, code: code, after: rest(retryAfter)}
		}
		return verdict{code: receipt.VoiceUnreachable}
	case sip.StatusNotFound, sip.StatusGone, 484, 485, 500, 502, 504, 580, 604:
		return verdict{code: receipt.VoiceUnreachable}
	case sip.StatusUnauthorized, sip.StatusProxyAuthRequired:
		return verdict{class: provider.NotSent, code: code, account: true}
	case 402:
		return verdict{class: provider.NotSent, code: code, account: true}
	}
	return verdict{class: provider.Rejected, code: code}
}

// rest reads Retry-After: seconds, perhaps with a comment and parameters.
func rest(header string) time.Duration {
	digits := 0
	for digits < len(header) && digits < 9 && '0' <= header[digits] && header[digits] <= '9' {
		digits++
	}
	seconds, err := strconv.Atoi(header[:digits])
	if err != nil || seconds == 0 {
		return restAfterBusy
	}
	return min(time.Duration(seconds)*time.Second, longestRest)
}
