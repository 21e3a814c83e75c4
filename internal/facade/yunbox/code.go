package yunbox

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

// getCode sends a code (contracts/yunbox.md §3).
func (d *dialect) getCode(ctx context.Context, x *facade.Exchange) error {
	app, literal, err := d.callerAndPhone(ctx, x)
	if err != nil {
		return err
	}
	if _, test := app.TestCode(literal); test {
		return core.E(core.KindTestNumber, "")
	}
	phone, err := parsePhone(x, literal, app)
	if err != nil {
		return err
	}
	return x.Once(ctx, app.ID, func(call *idempotency.Call) error {
		r := verify.StartRequest{App: app, Phone: phone, Purpose: core.PurposeLogin, Channel: core.ChannelSMS,
			EndUser: app.Callers.EndUserIP(x.Request.Header, x.Source), Call: call}
		if call != nil {
			r.Answer = appendOK(nil, "phone_no", literal)
		}
		if _, err := d.Verify.Start(ctx, r); err != nil {
			return err
		}
		x.Out = appendOK(x.Out, "phone_no", literal)
		return nil
	})
}

// checkCode logs in or registers (contracts/yunbox.md §4.1).
func (d *dialect) checkCode(ctx context.Context, x *facade.Exchange) error {
	app, literal, err := d.callerAndPhone(ctx, x)
	if err != nil {
		return err
	}
	if code, test := app.TestCode(literal); test {
		return d.checkTestCode(ctx, x, app, literal, code)
	}
	phone, err := parsePhone(x, literal, app)
	if err != nil {
		return err
	}
	guess, err := userInputCode(x)
	if err != nil {
		return err
	}
	return x.Once(ctx, app.ID, func(call *idempotency.Call) error {
		login, err := d.Verify.Login(ctx, verify.LoginRequest{App: app, Phone: phone, Code: core.CodeFromDigits(guess),
			EndUser: app.Callers.EndUserIP(x.Request.Header, x.Source), Call: call, Answer: loginAnswer})
		if err != nil {
			return err
		}
		x.Out = appendOK(x.Out, "yb_uid", login.UserText)
		return nil
	})
}

func loginAnswer(userText string) []byte { return appendOK(nil, "yb_uid", userText) }

// checkTestCode logs the test user in. The limits per address hold for test
// numbers too (contracts/yunbox.md §5).
func (d *dialect) checkTestCode(ctx context.Context, x *facade.Exchange, app *tenant.App, literal, code string) error {
	guess, err := userInputCode(x)
	if err != nil {
		return err
	}
	var space [2]guard.Bucket
	endUser := app.Callers.EndUserIP(x.Request.Header, x.Source)
	failures := app.Unchallenged.IPCheckFailed.ForIP(space[:0], d.Subjects, endUser, uint32(app.ID))
	if err := d.peek(ctx, failures); err != nil {
		return err
	}
	if guess != code {
		if err := d.take(ctx, failures); err != nil {
			return err
		}
		return core.E(core.KindWrongCode, "test number")
	}
	login, err := d.Verify.LoginTest(ctx, app, literal)
	if err != nil {
		return err
	}
	x.Out = appendOK(x.Out, "yb_uid", login.UserText)
	return nil
}

// callerAndPhone does the steps that both endpoints begin with: object, key
// and phone_no present, address limit, key. The literal is empty when phone_no
// is of another type: it is refused where an invalid number is.
func (d *dialect) callerAndPhone(ctx context.Context, x *facade.Exchange) (app *tenant.App, literal string, err error) {
	if err := x.ReadObject(); err != nil {
		return nil, "", err
	}
	secret, err := key(x)
	if err != nil {
		return nil, "", err
	}
	value := x.Object.Get("phone_no")
	literal, isText := value.Text()
	if value.IsMissing() || isText && literal == "" {
		return nil, "", core.Field(core.KindMissingField, "phone_no")
	}
	app, err = d.authenticate(ctx, x, secret)
	if !isText && core.KindOf(err) == core.KindUnauthenticated {
		// contracts/yunbox.md §1 wants 0075 for a phone_no that is a number,
		// §9 #2 wants 0072 for one beside a wrong key: both hold.
		return nil, "", core.Field(core.KindMissingField, "phone_no")
	}
	return app, literal, err
}

// userInputCode is the code as the user typed it: 4 to 10 ASCII digits.
func userInputCode(x *facade.Exchange) (string, error) {
	text, ok := x.Object.Get("user_input_code").Text()
	if !ok || !core.ValidCodeDigits(text) {
		return "", core.Field(core.KindInvalidCodeFormat, "user_input_code")
	}
	return text, nil
}

func parsePhone(x *facade.Exchange, literal string, app *tenant.App) (core.Phone, error) {
	phone, err := guard.ParsePhone(literal, app.Phones)
	x.Event.Phone = phone
	return phone, err
}
