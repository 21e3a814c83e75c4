package oneaccess

import (
	"context"
	"net/netip"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/tenant"
)

// Kinds of this dialect's own limits, beside those of guard.Rules.
const (
	kindAfterSends   = 66
	kindTestCodes    = 67
	kindSessionCalls = 68
)

// What nobody pays for is bounded here: the code of a test number is right as
// often as it is entered, and each login writes a session; each X-signature
// writes its nonce. No limit of a number counts either.
var (
	testCodes = guard.Rule{Name: "test_codes", Kind: kindTestCodes, Exceeded: guard.Refuse, FailOpen: true,
		Windows: []guard.Window{{Max: 300, Per: time.Hour}}}
	sessionCalls = guard.Rule{Name: "session_calls", Kind: kindSessionCalls, Exceeded: guard.Refuse, FailOpen: true,
		Windows: []guard.Window{{Max: 300, Per: 10 * time.Minute}}}
)

// countTestCode counts a code of a test number on the address that enters it.
func (d *dialect) countTestCode(ctx context.Context, app *tenant.App, from netip.Addr) error {
	return d.take(ctx, testCodes.ForIP(nil, d.Subjects, from, uint32(app.ID)))
}

// countSessionCall counts a call on the login that its session is of, whatever
// token it has now.
func (d *dialect) countSessionCall(ctx context.Context, of account.Session) error {
	return d.take(ctx, sessionCalls.For(nil, d.Subjects, uint64(of.Family), uint32(of.App)))
}
