package jsms

import (
	"context"
	"net/netip"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

// valid checks a code by its msg_id (contracts/jsms.md §4). Without credentials
// the msg_id, which nobody can guess, says whose it is.
func (d *dialect) valid(ctx context.Context, x *facade.Exchange) error {
	app, err := d.authenticate(ctx, x)
	named := core.KindOf(err) != core.KindMissingField
	if named && err != nil {
		return err
	}
	owner, id, known := d.Verify.WhosePublicID(x.Param("msg_id"))
	if !named {
		if app, err = d.unnamed(ctx, x, owner); err != nil {
			return err
		}
	}
	if err := readObject(x); err != nil {
		return err
	}
	value := x.Object.Get("code")
	if isBlank(value) {
		return core.Field(core.KindMissingField, "code")
	}
	guess, ok := textOrNumber(value)
	if !ok {
		return core.E(core.KindMalformed, "code")
	}
	if !known || app == nil || app.ID != owner {
		return core.Field(core.KindNotFound, "msg_id")
	}
	return x.Once(ctx, app.ID, func(call *idempotency.Call) error {
		outcome, err := d.Verify.Validate(ctx, verify.ValidateRequest{App: app, Purpose: core.PurposeCode, ID: id, EndUser: guesser(x, app, named),
			Code: core.CodeFromDigits(guess), Call: call, Answer: isValid})
		if err == nil {
			err = refusalOf(outcome)
		}
		if err != nil {
			return err
		}
		x.Out = append(x.Out, isValid...)
		return nil
	})
}

// guesser is whose address a try counts against: the end user's that an app
// passes on, or that of a caller without credentials.
func guesser(x *facade.Exchange, app *tenant.App, named bool) netip.Addr {
	if !named {
		return x.Source
	}
	return app.Callers.EndUserIP(x.Request.Header, x.Source)
}

var isValid = []byte(`{"is_valid":true}`)

// unnamed is the app of a request without credentials; nil when the msg_id is
// nobody's, or the app's owner says nothing is sent without them.
func (d *dialect) unnamed(ctx context.Context, x *facade.Exchange, owner core.AppID) (*tenant.App, error) {
	var space [2]guard.Bucket
	if err := d.take(ctx, d.Rules.JSMSValid.ForIP(space[:0], d.Subjects, x.Source, 0)); err != nil {
		return nil, err
	}
	app, ok := d.Apps.App(owner)
	if !ok || app.Disabled || app.AccountDisabled || !app.Uses(tenant.DialectJSMS) || !app.Allows(x.Source) {
		return nil, nil
	}
	if app.RequireAuth {
		return nil, core.Field(core.KindMissingField, "Authorization")
	}
	x.Event.App = app.ID
	return app, nil
}

// refusalOf is the table of contracts/jsms.md §4.
func refusalOf(o verify.Outcome) error {
	switch o {
	case verify.OutcomeRight:
		return nil
	case verify.OutcomeUsed:
		return core.Field(core.KindWrongCode, "used")
	case verify.OutcomeOver:
		return core.Field(core.KindWrongCode, "expired")
	case verify.OutcomeUnknown:
		return core.Field(core.KindNotFound, "msg_id")
	default:
		return core.E(core.KindWrongCode, "")
	}
}
