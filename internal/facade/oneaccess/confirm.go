package oneaccess

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

// BackendCodes checks codes that log nobody in (verify.Service).
type BackendCodes interface {
	Confirm(ctx context.Context, r verify.ConfirmRequest) error
}

const smsVerify = "sms-verify"

// smsVerify checks a code of any type once, for the app's backend
// (contracts/oneaccess.md §8.5).
func (d *dialect) smsVerify(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	members, err := required(x, "mobile", "type", "verify_code")
	if err != nil {
		return err
	}
	of, err := d.number(ctx, x, &caller{app: app, client: app.OneAccess.ClientID}, members[0], "mobile")
	if err != nil {
		return err
	}
	purpose, ok := purposes[members[1]]
	if !ok {
		return core.Field(core.KindBadField, "type")
	}
	code, err := codeOf(members[2], "verify_code")
	if err != nil {
		return err
	}
	err = d.Backend.Codes.Confirm(ctx, verify.ConfirmRequest{App: app, Phone: of.phone, Literal: of.literal, Purpose: purpose, Code: code,
		EndUser: guard.CallersBackend.EndUserIP(x.Request.Header, x.Source)})
	if err != nil {
		return err
	}
	x.Out = append(x.Out, `{"status":"`+statusSuccess+`"}`...)
	return nil
}
