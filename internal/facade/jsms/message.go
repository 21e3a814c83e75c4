package jsms

import (
	"context"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/message/dispatch"
	"yanma.dev/yanma/internal/tenant"
)

// request finds template and signature of a send, in the order of
// contracts/jsms.md §1.3.
func (d *dialect) request(app *tenant.App, template, sign string) (r dispatch.Request, err error) {
	r = dispatch.Request{App: app, Report: app.Reports()}
	if r.Template, err = d.template(app, template); err != nil {
		return r, err
	}
	r.Signature, err = d.Catalogue.Signature(app, sign)
	return r, err
}

// paramsOf is temp_para: strings, numbers and booleans as text; nil when it is
// missing. KindMalformed for anything nested (contracts/jsms.md §5).
func paramsOf(v facade.Value) (map[string]string, error) {
	if v.IsMissing() {
		return nil, nil
	}
	o, ok := v.Object()
	if !ok {
		return nil, core.E(core.KindMalformed, "temp_para")
	}
	params := make(map[string]string, o.Len())
	nested := false
	o.Each(func(name string, v facade.Value) {
		text, ok := textOrNumber(v)
		switch literal := v.Literal(); {
		case ok:
			params[name] = text
		case literal == "true" || literal == "false":
			params[name] = literal
		case v.IsMissing():
			delete(params, name)
		default:
			nested = true
		}
	})
	if nested {
		return nil, core.E(core.KindMalformed, "temp_para")
	}
	return params, nil
}

// messages sends a template message (contracts/jsms.md §5).
func (d *dialect) messages(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	to, r, err := d.single(x, app)
	if err != nil {
		return err
	}
	r.Answer = func(results []dispatch.Result) []byte { return appendNumber(nil, results[0]) }
	return x.Once(ctx, app.ID, func(call *idempotency.Call) error {
		r.Call = call
		result, err := d.Dispatch.Send(ctx, r, to)
		if err != nil {
			return err
		}
		x.Out = appendNumber(x.Out, result)
		return nil
	})
}

// shapeOfOne finds members of wrong types in a request for one number.
func shapeOfOne(x *facade.Exchange) error {
	if err := checkTypes(x); err != nil {
		return err
	}
	_, err := paramsOf(x.Object.Get("temp_para"))
	return err
}

// single is a request for one number: what /messages and /schedule share.
func (d *dialect) single(x *facade.Exchange, app *tenant.App) (to dispatch.Recipient, r dispatch.Request, err error) {
	if to.Params, err = paramsOf(x.Object.Get("temp_para")); err != nil {
		return to, r, err
	}
	mobile, template, err := mobileAndTemplate(x)
	if err != nil {
		return to, r, err
	}
	sign, err := signOf(x)
	if err != nil {
		return to, r, err
	}
	if to.Phone, err = mobileOf(mobile, app); err != nil {
		return to, r, err
	}
	x.Event.Phone = to.Phone
	literal, _ := textOrNumber(mobile)
	to.Form = dispatch.FormOf(literal, to.Phone)
	r, err = d.request(app, template, sign)
	return to, r, err
}

// appendNumber is the answer of /messages: msg_id is a JSON number.
func appendNumber(out []byte, r dispatch.Result) []byte {
	out = append(out, `{"msg_id":`...)
	return append(strconv.AppendInt(out, r.Number, 10), '}')
}
