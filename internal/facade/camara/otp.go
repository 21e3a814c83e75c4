package camara

import (
	"context"
	"crypto/subtle"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

// Bounds of the one-time-password-sms schema, in code points.
const (
	longestMessage = 160
	longestID      = 36
	longestCode    = 10
)

// codeLabel is where a message has its code.
const codeLabel = "{{code}}"

// sendCode sends a code in the caller's words (contracts/camara.md §3.1).
func (d *dialect) sendCode(ctx context.Context, x *facade.Exchange, t *oauth.Token) error {
	if err := readJSON(x); err != nil {
		return err
	}
	literal, err := phoneNumber(x)
	if err != nil {
		return err
	}
	message, err := messageOf(x)
	if err != nil {
		return err
	}
	app := t.App
	if id, test := testNumber(app, literal); test && t.Method == oauth.MethodNone {
		x.Out = d.started(x.Out, app, id)
		return nil
	}
	phone, err := d.reachable(x, t, literal)
	if err != nil {
		return err
	}
	return x.Once(ctx, app.ID, func(call *idempotency.Call) error {
		started, err := d.Verify.Start(ctx, verify.StartRequest{App: app, Phone: phone, Purpose: core.PurposeVerify, Channel: core.ChannelSMS,
			EndUser: app.Callers.EndUserIP(x.Request.Header, x.Source), Call: call,
			Wording:  func(code core.Code) string { return wording(app, phone, message, code) },
			AnswerOf: func(id core.VerificationID) []byte { return d.started(nil, app, id) }})
		if err != nil {
			return err
		}
		x.Out = d.started(x.Out, app, started.Verification)
		return nil
	})
}

func (d *dialect) started(out []byte, app *tenant.App, id core.VerificationID) []byte {
	out = append(out, `{"authenticationId":`...)
	return append(facade.AppendString(out, d.Verify.PublicID(app, id)), '}')
}

// reachable is a number of the schema as one that the app may send to.
func (d *dialect) reachable(x *facade.Exchange, t *oauth.Token, literal string) (core.Phone, error) {
	policy := t.App.Phones
	policy.E164Only = true
	phone, err := guard.ParsePhone(literal, policy)
	if err != nil {
		return core.Phone{}, err
	}
	x.Event.Phone = phone
	switch {
	case t.Method != oauth.MethodNone && t.Phone != phone:
		return core.Phone{}, core.E(core.KindForbidden, "the token is another number's")
	case d.Serves != nil && !d.Serves(t.App, phone):
		return core.Phone{}, core.E(core.KindNotFound, "no route")
	}
	return phone, nil
}

// phoneNumber is the member phoneNumber: ^\+[1-9][0-9]{4,14}$.
func phoneNumber(x *facade.Exchange) (string, error) {
	literal, ok := x.Object.Get("phoneNumber").Text()
	if !ok || !isE164(literal) {
		return "", core.Field(core.KindBadField, "phoneNumber")
	}
	return literal, nil
}

func isE164(s string) bool {
	if len(s) < 6 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return false
	}
	return strings.Trim(s[1:], "0123456789") == ""
}

// messageOf is the member message.
func messageOf(x *facade.Exchange) (string, error) {
	text, ok := x.Object.Get("message").Text()
	if !ok || utf8.RuneCountInString(text) > longestMessage || !strings.Contains(text, codeLabel) ||
		strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
		return "", core.Field(core.KindBadField, "message")
	}
	return text, nil
}

// wording is what the SMS says: a message to mainland China begins with a
// signature.
func wording(app *tenant.App, to core.Phone, message string, code core.Code) string {
	text := strings.ReplaceAll(message, codeLabel, code.Digits())
	if !strings.HasPrefix(to.E164(), "+86") || isSigned(text) || app.Template.Signature == "" {
		return text
	}
	return "【" + app.Template.Signature + "】" + text
}

// isSigned tells whether a text begins with 【…】.
func isSigned(text string) bool {
	rest, ok := strings.CutPrefix(text, "【")
	return ok && strings.Index(rest, "】") > 0
}

// validateCode checks a code (contracts/camara.md §3.2).
func (d *dialect) validateCode(ctx context.Context, x *facade.Exchange, t *oauth.Token) error {
	if err := readJSON(x); err != nil {
		return err
	}
	id, err := shortText(x, "authenticationId", longestID)
	if err != nil {
		return err
	}
	code, err := shortText(x, "code", longestCode)
	if err != nil {
		return err
	}
	err = x.Once(ctx, t.App.ID, func(call *idempotency.Call) error {
		return d.validate(ctx, x, t.App, id, code, call)
	})
	if x.Status == http.StatusNoContent {
		x.ContentType = ""
	}
	return err
}

func (d *dialect) validate(ctx context.Context, x *facade.Exchange, app *tenant.App, text, code string, call *idempotency.Call) error {
	id, ok := d.Verify.OpenPublicID(app, text)
	if !ok {
		return core.E(core.KindNotFound, "authenticationId")
	}
	if id >= 1 && int64(id) <= int64(len(app.TestNumbers)) {
		return d.validateTest(x, app.TestNumbers[id-1], code)
	}
	outcome, err := d.Verify.Validate(ctx, verify.ValidateRequest{App: app, ID: id, Code: core.CodeFromDigits(code),
		EndUser: app.Callers.EndUserIP(x.Request.Header, x.Source), Call: call, Status: http.StatusNoContent})
	if err != nil {
		return err
	}
	switch outcome {
	case verify.OutcomeRight:
		x.Status = http.StatusNoContent
		return nil
	case verify.OutcomeWrong:
		return fail(core.KindWrongCode, invalidOTP)
	case verify.OutcomeDead:
		return fail(core.KindWrongCode, verificationFailed)
	case verify.OutcomeOver, verify.OutcomeUsed:
		return fail(core.KindWrongCode, verificationExpired)
	default:
		return core.E(core.KindNotFound, "authenticationId")
	}
}

// testNumber finds a test number by its literal: nothing is sent to it, and its
// code is fixed (contracts/README.md §8). The id is its place in the app's list:
// codes have none so small, which are drawn from the time.
func testNumber(app *tenant.App, literal string) (core.VerificationID, bool) {
	for i, n := range app.TestNumbers {
		if n.Literal == literal {
			return core.VerificationID(i + 1), true
		}
	}
	return 0, false
}

func (d *dialect) validateTest(x *facade.Exchange, n tenant.TestNumber, code string) error {
	if subtle.ConstantTimeCompare([]byte(n.Code), []byte(code)) != 1 {
		return fail(core.KindWrongCode, invalidOTP)
	}
	x.Status = http.StatusNoContent
	return nil
}

// shortText is a required member: a string that is not empty.
func shortText(x *facade.Exchange, name string, longest int) (string, error) {
	text, ok := x.Object.Get(name).Text()
	if !ok || text == "" || utf8.RuneCountInString(text) > longest {
		return "", core.Field(core.KindBadField, name)
	}
	return text, nil
}
