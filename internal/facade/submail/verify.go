package submail

import (
	"context"
	"net/http"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/tenant"
)

// longestBrowser is how long userInformation may be, in bytes.
const longestBrowser = 4096

// verify compares a number with that of a SIM (contracts/submail.md §3). The
// order of checks is §3.3.
func (d *dialect) verify(ctx context.Context, x *facade.Exchange) error {
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
	if err := d.signed(ctx, x, &f, keys); err != nil {
		return d.late(ctx, x, app, &f, keys, err)
	}
	giveBack, err := d.limited(ctx, app)
	if err != nil {
		return err
	}
	r, err := verifyRequest(x, app, &f)
	if err == nil {
		r.Requester = requester
		err = d.verified(ctx, x, r)
	}
	if err != nil && !numberverify.Asked(err) {
		giveBack()
	}
	return err
}

// requesterOf reads os: 1 is a page, 2 a mini-program.
func requesterOf(os string) (numberverify.Requester, bool) {
	switch os {
	case "1":
		return numberverify.RequesterPage, true
	case "2":
		return numberverify.RequesterMiniProgram, true
	}
	return 0, false
}

// verifyRequest is steps 16 to 18.
func verifyRequest(x *facade.Exchange, app *tenant.App, f *form) (numberverify.VerifyRequest, error) {
	phone, err := guard.ParsePhone(f.number, app.Phones)
	if err != nil {
		return numberverify.VerifyRequest{}, err
	}
	x.Event.Phone = phone
	if f.browser == "" || len(f.browser) > longestBrowser {
		return numberverify.VerifyRequest{}, errBrowser
	}
	carrier, ok := carrierOf(f.kind)
	if !ok {
		return numberverify.VerifyRequest{}, errType
	}
	return numberverify.VerifyRequest{App: app, Phone: phone, Browser: f.browser,
		Proof: numberverify.Proof{Token: core.NewSecret(f.token), Carrier: carrier}}, nil
}

// carrierOf reads type; "" leaves the choice to the proof.
func carrierOf(kind string) (numberverify.Carrier, bool) {
	switch kind {
	case "":
		return numberverify.CarrierUnknown, true
	case "1":
		return numberverify.CarrierMobile, true
	case "2":
		return numberverify.CarrierUnicom, true
	case "3":
		return numberverify.CarrierTelecom, true
	}
	return 0, false
}

// verified is the steps from 19 on, which are numberverify's.
func (d *dialect) verified(ctx context.Context, x *facade.Exchange, r numberverify.VerifyRequest) error {
	return x.Once(ctx, r.App.ID, func(call *idempotency.Call) error {
		id := messageID(x)
		if call != nil {
			r.Call = call
			r.Answer = func(v numberverify.Verified, err error) (int, []byte) {
				if err != nil {
					return d.noted(err, func(a answer) []byte { return appendError(nil, a, id) })
				}
				return http.StatusOK, appendVerified(nil, v, id)
			}
		}
		v, err := d.Numbers.Verify(ctx, r)
		if err != nil {
			return carrierError(err)
		}
		x.Out = appendVerified(x.Out, v, id)
		return nil
	})
}

// noted is an error as a repetition of the call will see it.
func (d *dialect) noted(err error, body func(answer) []byte) (int, []byte) {
	e := core.AsError(err)
	a := answerTo(e)
	return d.statusOf(e, a), body(a)
}

func appendVerified(out []byte, v numberverify.Verified, id string) []byte {
	out = append(out, `{"status":"success","msg_id":"`...)
	out = append(out, id...)
	if v.Identical {
		return append(out, `","result":{"identical":true,"msg":"认证通过"}}`...)
	}
	return append(out, `","result":{"identical":false,"msg":"认证不通过"}}`...)
}
