package submail

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/tenant"
	codes "yanma.dev/yanma/internal/verify"
)

// Codes sends and checks codes (verify.Service).
type Codes interface {
	Start(ctx context.Context, r codes.StartRequest) (codes.Started, error)
	Validate(ctx context.Context, r codes.ValidateRequest) (codes.Outcome, error)
	PublicID(app *tenant.App, id core.VerificationID) string
	OpenPublicID(app *tenant.App, text string) (core.VerificationID, bool)
}

// What only the plan's calls say; the vendor has no such codes
// (docs/adr/0031-the-plan-as-a-call.md).
var (
	errWrongCode = core.Field(core.KindWrongCode, "code")
	errDeadCode  = core.Field(core.KindWrongCode, "over")
	errNoID      = core.Field(core.KindNotFound, "id")
	errNoStep    = core.Field(core.KindNotFound, "step")
)

// prove takes the steps of the app's plan in their order until one shows whose
// number it is: silent asks the carrier with the proof that the page got, sms
// and voice send a code, which proveCheck takes. Its checks are those of
// contracts/submail.md §3.3; a request without a token begins behind silent. The
// number is signed behind the token: a code goes to no other.
func (d *dialect) prove(ctx context.Context, x *facade.Exchange) error {
	f, err := readForm(x)
	if err != nil {
		return err
	}
	app, keys, err := d.caller(ctx, x, &f, tenant.ProductNumberVerification)
	if err != nil {
		return err
	}
	requester, ok := requesterOf(f.os)
	if !ok {
		return errOS
	}
	over := signedOver(f, f.token+f.number)
	if err := d.signed(ctx, x, &over, keys); err != nil {
		return d.late(ctx, x, app, &over, keys, err)
	}
	if f.browser == "" && f.token == "" {
		f.browser = "-" // nobody is shown it
	}
	r, err := verifyRequest(x, app, &f)
	if err != nil {
		return err
	}
	r.Requester = requester
	steps := d.stepsFrom(app, r.Phone, f.after, f.token != "")
	return x.Once(ctx, app.ID, func(call *idempotency.Call) error { return d.take(ctx, x, r, steps, call) })
}

// signedOver is a request with what is signed beside the time.
func signedOver(f form, what string) form {
	f.token = what
	return f
}

// stepsFrom are the steps of the app's plan that can be taken now: behind after,
// silent only with a token, and a code only where somebody carries it.
func (d *dialect) stepsFrom(app *tenant.App, to core.Phone, after string, token bool) (steps []string) {
	plan := app.Funnel
	if i := slices.Index(plan, after); i >= 0 {
		plan = plan[i+1:]
	}
	for _, step := range plan {
		channel, sends := channels[step]
		if sends && (d.Carries == nil || d.Carries(app, to, channel)) || step == tenant.StepSilent && token {
			steps = append(steps, step)
		}
	}
	return steps
}

var channels = map[string]core.Channel{tenant.StepSMS: core.ChannelSMS, tenant.StepVoice: core.ChannelVoice}

// take takes steps until one has an answer. A carrier that fails or says no
// leads on to the next one; what the app itself is refused for does not.
func (d *dialect) take(ctx context.Context, x *facade.Exchange, r numberverify.VerifyRequest, steps []string, call *idempotency.Call) error {
	failed := error(errNoStep)
	for i, step := range steps {
		if step != tenant.StepSilent {
			return d.sendStep(ctx, x, r, steps[i:], call)
		}
		giveBack, err := d.limited(ctx, r.App)
		if err != nil {
			return err
		}
		if r.Call = call; call != nil {
			r.Answer = func(v numberverify.Verified, err error) (int, []byte) {
				if err != nil || !v.Identical {
					return 0, nil // the next step answers
				}
				return http.StatusOK, appendProven(nil, step, messageID(x))
			}
		}
		v, err := d.Numbers.Verify(ctx, r)
		if err != nil && !numberverify.Asked(err) {
			giveBack()
		}
		if err == nil && v.Identical {
			x.Out = appendProven(x.Out, step, messageID(x))
			return nil
		}
		carrier, own := numberverify.AsError(err)
		switch {
		case err == nil:
			failed = core.Wrap(core.KindProvisioningRefused, &numberverify.Error{Code: "001", Desc: "another number"}, "")
		case own && carrier.Class != numberverify.ClassDebit && carrier.Class != numberverify.ClassLedger, core.KindOf(err) == core.KindForbidden:
			failed = carrierError(err)
		default:
			return carrierError(err)
		}
	}
	return failed
}

// sendStep sends a code by the first of the steps.
func (d *dialect) sendStep(ctx context.Context, x *facade.Exchange, r numberverify.VerifyRequest, steps []string, call *idempotency.Call) error {
	id := messageID(x)
	answer := func(v core.VerificationID) []byte { return d.appendPending(nil, r.App, v, steps, id) }
	start := codes.StartRequest{App: r.App, Phone: r.Phone, Purpose: core.PurposeVerify, Channel: channels[steps[0]],
		EndUser: r.App.Callers.EndUserIP(x.Request.Header, x.Source), Call: call, AnswerOf: answer}
	if start.Channel == core.ChannelVoice {
		// A call has a price and a limit of its own: it follows a text that did not come.
		limits := r.App.Unchallenged
		limits.NumberApp = limits.JSMSVoice
		start.Pool, start.Price, start.Priced, start.Limits = core.PoolVoice, r.App.VoicePrice, true, &limits
	}
	started, err := d.Codes.Start(ctx, start)
	if err != nil {
		return err
	}
	x.Out = append(x.Out, answer(started.Verification)...)
	return nil
}

func appendProven(out []byte, step, id string) []byte {
	out = append(append(out, `{"status":"success","msg_id":"`...), id...)
	out = append(append(out, `","result":{"identical":true,"msg":"认证通过","step":"`...), step...)
	return append(out, `"}}`...)
}

// appendPending says by which step a code is on its way, and which one is next.
func (d *dialect) appendPending(out []byte, app *tenant.App, v core.VerificationID, steps []string, id string) []byte {
	out = append(append(out, `{"status":"pending","msg_id":"`...), id...)
	out = append(append(out, `","result":{"step":"`...), steps[0]...)
	out = append(out, `","next":`...)
	next := ""
	if len(steps) > 1 {
		next = steps[1]
	}
	out = facade.AppendString(out, next)
	out = append(out, `,"id":`...)
	out = facade.AppendString(out, d.Codes.PublicID(app, v))
	out = append(out, `,"expires_in":`...)
	out = strconv.AppendInt(out, int64(app.CodeLife.Seconds()), 10)
	return append(out, `}}`...)
}

// proveCheck takes the code of a step. What is signed beside the time is its id.
func (d *dialect) proveCheck(ctx context.Context, x *facade.Exchange) error {
	f, err := readForm(x)
	if err != nil {
		return err
	}
	app, keys, err := d.caller(ctx, x, &f, tenant.ProductNumberVerification)
	if err != nil {
		return err
	}
	over := signedOver(f, f.id)
	if err := d.signed(ctx, x, &over, keys); err != nil {
		return d.late(ctx, x, app, &over, keys, err)
	}
	id, ok := d.Codes.OpenPublicID(app, f.id)
	if !ok {
		return errNoID
	}
	return x.Once(ctx, app.ID, func(call *idempotency.Call) error {
		out := appendProven(nil, "code", messageID(x))
		outcome, err := d.Codes.Validate(ctx, codes.ValidateRequest{App: app, ID: id, Code: core.CodeFromDigits(f.code),
			EndUser: app.Callers.EndUserIP(x.Request.Header, x.Source), Call: call, Status: http.StatusOK, Answer: out})
		switch {
		case err != nil:
			return err
		case outcome == codes.OutcomeRight:
			x.Out = append(x.Out, out...)
			return nil
		case outcome == codes.OutcomeWrong:
			return errWrongCode
		case outcome == codes.OutcomeUnknown:
			return errNoID
		default:
			return errDeadCode
		}
	})
}
