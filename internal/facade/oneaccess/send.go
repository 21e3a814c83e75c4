package oneaccess

import (
	"context"
	"strings"
	"time"

	"yanma.dev/yanma/internal/captcha"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

// purposes are the types of codes (contracts/oneaccess.md §2.3).
var purposes = map[string]core.Purpose{
	"REGISTER_SMS":      core.PurposeRegister,
	"LOGIN_SMS":         core.PurposeLogin,
	"FORGET_PWD_SMS":    core.PurposeForgetPwd,
	"BIND_MOBILE_SMS":   core.PurposeBind,
	"UPDATE_MOBILE_SMS": core.PurposeUpdateMobile,
	"UPDATE_PWD_SMS":    core.PurposeUpdatePwd,
}

// smsSend sends a code (contracts/oneaccess.md §2.3).
func (d *dialect) smsSend(ctx context.Context, x *facade.Exchange, c *caller) error {
	names := []string{"mobile", "type", "captcha_token"}
	if c.app.OneAccess.Captcha != tenant.CaptchaAlways {
		names = names[:2]
	}
	members, err := required(x, names...)
	if err != nil {
		return err
	}
	pass, err := text(x, "captcha_token")
	if err != nil {
		return err
	}
	to, err := d.number(ctx, x, c, members[0], "mobile")
	if err != nil {
		return err
	}
	purpose, ok := purposes[members[1]]
	if !ok {
		return core.Field(core.KindBadField, "type")
	}
	if purpose == core.PurposeLogin && header(x, headerState) != "" {
		if _, err := d.ownStep(ctx, x, c, to); err != nil {
			return err
		}
		purpose = core.PurposeMFA
	}
	return x.Once(ctx, c.app.ID, func(call *idempotency.Call) error {
		solved, err := d.redeem(ctx, x, c, to, pass)
		if err != nil || to.isTest() {
			return err
		}
		r := verify.StartRequest{App: c.app, Phone: to.phone, Purpose: purpose, Channel: core.ChannelSMS, EndUser: endUser(x, c.app),
			Challenged: solved, CanChallenge: true, Limits: &c.app.Limits, Failures: verify.OneAccessPolicy(), Fingerprint: c.fingerprint, Call: call, Answer: []byte{}}
		_, err = d.Verify.Start(ctx, r)
		if core.KindOf(err) == core.KindChallengeRequired && err != nil {
			nameChallenge(x, strongest(c.app))
		}
		return err
	})
}

// redeem takes the pass that a send comes with; it is gone in any case. solved
// tells whether it is as much as the guard can ask for: a puzzle stops nobody who
// pays for a solver, so it is not where the app takes proofs of work.
func (d *dialect) redeem(ctx context.Context, x *facade.Exchange, c *caller, to number, pass string) (solved bool, err error) {
	sends, err := d.sendsBefore(ctx, c.app, to)
	if err != nil {
		return false, err
	}
	asked := d.Captcha.Required(c.app, captcha.Risk{Sends: sends})
	got := captcha.KindNone
	if strings.TrimSpace(pass) != "" {
		if got, err = d.Captcha.Redeem(ctx, c.app, captcha.RedeemRequest{CaptchaToken: pass, Sender: to.sender(), Binding: c.binding(x)}); err != nil {
			nameChallenge(x, asked)
			return false, err
		}
	}
	if !got.Satisfies(asked) {
		nameChallenge(x, asked)
		return false, errPuzzle
	}
	return got == captcha.KindWork || got == captcha.KindVerifier || got == captcha.KindPuzzle && !c.app.OneAccess.Takes(tenant.CaptchaWork), nil
}

// strongest is the challenge that the guard's doubts can be answered with.
func strongest(app *tenant.App) captcha.Kind {
	if app.OneAccess.Takes(tenant.CaptchaWork) {
		return captcha.KindWork
	}
	return captcha.KindPuzzle
}

// sendsBefore tells Required how many sends to a number there were, where only
// those after the first ones ask for a captcha. Its limit is the app's own.
func (d *dialect) sendsBefore(ctx context.Context, app *tenant.App, to number) (int, error) {
	free := app.OneAccess.CaptchaSends
	if app.OneAccess.Captcha != tenant.CaptchaAfter || free < 1 || to.isTest() {
		return free, nil
	}
	rule := guard.Rule{Name: "captcha_after", Kind: kindAfterSends, Exceeded: guard.Challenge, FailOpen: true, Windows: []guard.Window{{Max: free, Per: 24 * time.Hour}}}
	taken, err := d.Limiter.Take(ctx, d.Now(), rule.For(nil, d.Subjects, d.Subjects.PhoneBase(to.phone), uint32(app.ID)))
	if err != nil {
		return 0, err
	}
	if taken.Challenge {
		return free, nil
	}
	return 0, nil
}
