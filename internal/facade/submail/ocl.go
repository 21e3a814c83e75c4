package submail

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/tenant"
)

// operatorError is the code of whatever has no code of its own under /ocl.
const operatorError = 1113

// getMobile tells the number of a SIM (contracts/submail.md §8): v1 has a type
// and, for Telecom, auth; v2 has neither.
func (d *dialect) getMobile(v2 bool) func(context.Context, *facade.Exchange) error {
	return func(ctx context.Context, x *facade.Exchange) error {
		f, err := readForm(x)
		if err != nil {
			return err
		}
		app, keys, err := d.caller(ctx, x, &f, tenant.ProductOneClickLogin)
		if err != nil {
			return err
		}
		r := numberverify.FetchRequest{App: app}
		switch strings.ToLower(f.os) {
		case "ios":
			r.Requester = numberverify.RequesterIOS
		case "android":
			r.Requester = numberverify.RequesterAndroid
		default:
			return errOS
		}
		if err := d.signed(ctx, x, &f, keys); err != nil {
			return d.late(ctx, x, app, &f, keys, err)
		}
		giveBack, err := d.limited(ctx, app)
		if err != nil {
			return err
		}
		r.Proof.Token = core.NewSecret(f.token)
		if err = ofV1(&r, &f, v2); err == nil {
			err = d.fetched(ctx, x, r)
		}
		if err != nil && !numberverify.Asked(err) {
			giveBack()
		}
		return err
	}
}

// ofV1 reads what only v1 has.
func ofV1(r *numberverify.FetchRequest, f *form, v2 bool) error {
	if v2 {
		return nil
	}
	carrier, ok := carrierOf(f.kind)
	switch {
	case f.kind == "":
		return errNullType
	case !ok:
		return errType
	}
	r.Proof.Carrier = carrier
	if carrier != numberverify.CarrierTelecom {
		return nil
	}
	if f.auth == "" || f.auth == "(null)" {
		return errAuth
	}
	r.Auth = f.auth
	return nil
}

func (d *dialect) fetched(ctx context.Context, x *facade.Exchange, r numberverify.FetchRequest) error {
	return x.Once(ctx, r.App.ID, func(call *idempotency.Call) error {
		id := messageID(x)
		if call != nil {
			r.Call = call
			r.Answer = func(v numberverify.Fetched, err error) (int, []byte) {
				if err != nil {
					e := core.AsError(err)
					a := oclAnswerTo(e)
					return d.oclStatusOf(e, a), appendOCLError(nil, a, id)
				}
				return http.StatusOK, appendFetched(nil, v, id)
			}
		}
		v, err := d.Numbers.Fetch(ctx, r)
		if err != nil {
			return carrierError(err)
		}
		x.Event.Phone = v.Phone
		x.Out = appendFetched(x.Out, v, id)
		return nil
	})
}

// appendFetched gives the bare national number for China, E.164 otherwise.
func appendFetched(out []byte, v numberverify.Fetched, id string) []byte {
	number := strings.TrimPrefix(v.Phone.E164(), "+86")
	out = append(out, `{"code":"0","send_id":"`...)
	out = append(out, id...)
	out = append(out, `","mobile":`...)
	return append(facade.AppendString(out, number), '}')
}

// isOCL tells whether the path is one of one-click login's, also where it is no
// endpoint.
func isOCL(x *facade.Exchange) bool {
	switch x.Event.Route {
	case getMobile, getMobileV2:
		return true
	case "":
		// No endpoint, or not with this method: the prefix may stand before it.
		return strings.Contains(x.Request.URL.Path+"/", "/ocl/")
	}
	return false
}

// oclAnswers are the texts of contracts/submail.md §8 where they are not those
// of §6 with the code shifted.
var oclAnswers = map[reason]answer{
	{core.KindMissingField, "type"}:        {1103, "Unknown mobile type"},
	{core.KindMissingField, "auth"}:        {operatorError, "Operator error:10002"},
	{core.KindBadField, "window"}:          {1105, "Invalid timestamp"},
	{core.KindForbidden, "product"}:        {1107, "Appid unauthorized"},
	{core.KindForbidden, "source"}:         {1107, "Appid unauthorized"},
	{core.KindInsufficientBalance, ""}:     {1114, "Insufficient balance"},
	{core.KindOverloaded, ""}:              {operatorError, "Operator error:106"},
	{core.KindRateLimited, ""}:             {operatorError, "Operator error:429"},
	{core.KindLocked, ""}:                  {operatorError, "Operator error:429"},
	{core.KindChallengeRequired, ""}:       {operatorError, "Operator error:429"},
	{core.KindBlocked, ""}:                 {operatorError, "Operator error:429"},
	{core.KindSpendCap, ""}:                {1114, "Insufficient balance"},
	{core.KindUnknownPath, ""}:             {operatorError, "Operator error:404"},
	{core.KindMethodNotAllowed, ""}:        {operatorError, "Operator error:405"},
	{core.KindBodyTooLarge, ""}:            {operatorError, "Operator error:413"},
	{core.KindMediaType, ""}:               {operatorError, "Operator error:415"},
	{core.KindInvalidPhone, ""}:            {operatorError, "Operator error:500"},
	{core.KindTestNumber, ""}:              {operatorError, "Operator error:500"},
	{core.KindInternal, ""}:                {operatorError, "Operator error:500"},
	{core.KindConflict, ""}:                {operatorError, "Operator error:500"},
	{core.KindInvalidCodeFormat, ""}:       {operatorError, "Operator error:500"},
	{core.KindWrongCode, ""}:               {operatorError, "Operator error:500"},
	{core.KindProvisioningUnreachable, ""}: {operatorError, "Operator error:500"},
	{core.KindProvisioningRefused, ""}:     {operatorError, "Operator error:500"},
}

func oclAnswerTo(err *core.Error) answer {
	if carrier, ok := numberverify.AsError(err); ok {
		return oclAnswerOfCarrier(carrier)
	}
	if a, ok := oclAnswers[reason{err.Kind, err.Field}]; ok {
		return a
	}
	if _, ok := answers[reason{err.Kind, err.Field}]; !ok {
		if a, ok := oclAnswers[reason{err.Kind, ""}]; ok {
			return a
		}
	}
	a := answerTo(err)
	if a.code < 0 {
		return answer{operatorError, "Operator error:500"}
	}
	a.code -= 200 // 1301 is 1101
	return a
}

func oclAnswerOfCarrier(err *numberverify.Error) answer {
	switch err.Class {
	case numberverify.ClassTimeout:
		return answer{operatorError, "Operator error:106"}
	case numberverify.ClassDebit, numberverify.ClassLedger:
		return answer{1114, "Insufficient balance"}
	case numberverify.ClassUnprovided:
		return answer{operatorError, "Operator error:" + numberverify.CodeNoCarrier}
	default:
		return answer{operatorError, "Operator error:" + err.Code}
	}
}

func (d *dialect) refuseOCL(x *facade.Exchange, err *core.Error) {
	a := oclAnswerTo(err)
	x.Status = d.oclStatusOf(err, a)
	x.Event.Code = strconv.Itoa(a.code)
	x.Out = appendOCLError(x.Out, a, messageID(x))
}

// oclStatusOf is statusOf with the codes shifted.
func (d *dialect) oclStatusOf(err *core.Error, a answer) int {
	shifted := answer{code: a.code + 200}
	if a.code == operatorError {
		shifted.code = gatewayError
		if a.msg == "Operator error:106" {
			shifted.code = timeOut
		}
	}
	return d.statusOf(err, shifted)
}

func appendOCLError(out []byte, a answer, id string) []byte {
	out = append(out, `{"code":"`...)
	out = strconv.AppendInt(out, int64(a.code), 10)
	out = append(out, `","send_id":"`...)
	out = append(out, id...)
	out = append(out, `","msg":`...)
	return append(facade.AppendString(out, a.msg), '}')
}
