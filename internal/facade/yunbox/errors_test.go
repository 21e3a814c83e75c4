package yunbox

import (
	"testing"

	"yanma.dev/yanma/internal/core"
)

// The rows of contracts/yunbox.md §2 and of the yunbox column of README.md
// §3.2: kind, endpoint, code, status, msg. 0074 ends with the time.
func TestErrorTable(t *testing.T) {
	for _, row := range []struct {
		kind     core.Kind
		endpoint string
		want     answer
	}{
		{core.KindMalformed, getCode, answer{"0070", 200, "Request format is not JSON."}},
		{core.KindMediaType, checkCode, answer{"0070", 200, "Request format is not JSON."}},
		{core.KindUnknownPath, "", answer{"0070", 404, "Endpoint does not exist."}},
		{core.KindMethodNotAllowed, "", answer{"0070", 405, "Method not allowed."}},
		{core.KindBodyTooLarge, getCode, answer{"0070", 413, "Request body is too large."}},
		{core.KindMissingField, createDevice, answer{"0071", 200, "Missing arguments key in the JSON."}},
		{core.KindMissingField, listDevices, answer{"0071", 200, "Missing arguments key in the JSON."}},
		{core.KindMissingField, getTunnel, answer{"0071", 200, "Missing arguments key in the JSON."}},
		{core.KindMissingField, getCode, answer{"0072", 200, "Missing arguments phone_no or key in the JSON."}},
		{core.KindMissingField, checkCode, answer{"0072", 200, "Missing arguments phone_no or key in the JSON."}},
		{core.KindUnauthenticated, getCode, answer{"0073", 200, "Invalid key. Contact your account manager to obtain an API key."}},
		{core.KindRateLimited, getCode, answer{"0074", 429, "Too many requests. Try again in "}},
		{core.KindLocked, getCode, answer{"0074", 429, "Too many requests. Try again in "}},
		{core.KindInvalidPhone, getCode, answer{"0075", 200, "Invalid phone number."}},
		{core.KindInvalidCodeFormat, checkCode, answer{"0076", 200, "Invalid format of SMS authentication code."}},
		{core.KindTestNumber, getCode, answer{"0077", 200, "Test phone no."}},
		{core.KindWrongCode, checkCode, answer{"0077", 200, "Invalid or expired code."}},
		{core.KindProvisioningUnreachable, checkCode, answer{"0078", 200, "System error. Failed to create tunnel configuration."}},
		{core.KindProvisioningRefused, createDevice, answer{"0079", 200, "System error. Failed to create tunnel configuration."}},
		{core.KindInsufficientBalance, checkCode, answer{"0100", 200, "Insufficient balance in your account."}},
		{core.KindInvalidID, listDevices, answer{"0200", 200, "Invalid UID."}},
		{core.KindNotFound, listDevices, answer{"0202", 200, "User does not exist."}},
		{core.KindOverloaded, getCode, answer{"-1", 500, "Unexpected system error."}},
		{core.KindInternal, getCode, answer{"-1", 500, "Unexpected system error."}},
	} {
		if got := answerTo(row.endpoint, row.kind); got != row.want {
			t.Errorf("%v at %q = %+v, want %+v", row.kind, row.endpoint, got, row.want)
		}
	}
}

// TestReq43_EveryKindIsMapped fails when core gets a kind that this dialect
// does not answer.
func TestReq43_EveryKindIsMapped(t *testing.T) {
	for _, kind := range core.Kinds() {
		if _, ok := answers[kind]; !ok {
			t.Errorf("%v has no answer", kind)
		}
	}
}
