package jsms

import (
	"context"
	"strconv"
	"unicode/utf8"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/message/dispatch"
	"yanma.dev/yanma/internal/tenant"
)

// batchCap is the cap of bodies with up to a thousand recipients
// (contracts/README.md §3.1).
const batchCap = 512 << 10

// longestTag is in characters (contracts/jsms.md §6).
const longestTag = 10

// several is a call for many numbers: what /messages/batch and /schedule/batch
// share.
type several struct {
	dispatch.Request
	to   []dispatch.Recipient
	said []facade.Value // each recipient as it was sent, to be echoed
	tag  string
}

// readSeveral reads the members of a call for many numbers. A recipient that is
// none, or of another type, makes the body invalid; a number that is none is
// that recipient's own failure.
func readSeveral(x *facade.Exchange, app *tenant.App) (s several, err error) {
	if err := checkTypes(x); err != nil {
		return s, err
	}
	if s.tag, err = textOf(x, "tag"); err != nil {
		return s, err
	}
	if utf8.RuneCountInString(s.tag) > longestTag {
		return s, core.E(core.KindMalformed, "tag")
	}
	list := x.Object.Get("recipients")
	elements, isArray := list.Elements()
	if !isArray && !list.IsMissing() {
		return s, core.E(core.KindMalformed, "recipients")
	}
	s.said = elements
	if len(elements) <= dispatch.MostRecipients {
		s.to, err = recipients(elements, app)
	}
	return s, err
}

// complete adds the template and signature to a call for many numbers.
func (d *dialect) complete(s *several, x *facade.Exchange, app *tenant.App) error {
	template, err := templateRef(x)
	if err != nil {
		return err
	}
	switch {
	case len(s.said) == 0:
		return core.Field(core.KindMissingField, "recipients")
	case len(s.said) > dispatch.MostRecipients:
		return core.Field(core.KindBadField, "recipients")
	}
	sign, err := signOf(x)
	if err != nil {
		return err
	}
	s.Request, err = d.request(app, template, sign)
	return err
}

func recipients(elements []facade.Value, app *tenant.App) ([]dispatch.Recipient, error) {
	to := make([]dispatch.Recipient, len(elements))
	for i, e := range elements {
		o, ok := e.Object()
		if !ok {
			return nil, core.E(core.KindMalformed, "recipients")
		}
		var err error
		if to[i].Params, err = paramsOf(o.Get("temp_para")); err != nil {
			return nil, err
		}
		mobile := o.Get("mobile")
		to[i].Phone, to[i].Err = mobileOf(mobile, app)
		if core.KindOf(to[i].Err) == core.KindMalformed {
			return nil, to[i].Err
		}
		if to[i].Err == nil {
			literal, _ := textOrNumber(mobile)
			to[i].Form = dispatch.FormOf(literal, to[i].Phone)
		}
	}
	return to, nil
}

// batch sends to many numbers; each has a result of its own (contracts/jsms.md §6).
func (d *dialect) batch(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	s, err := readSeveral(x, app)
	if err != nil {
		return err
	}
	if err := d.complete(&s, x, app); err != nil {
		return err
	}
	s.Answer = func(results []dispatch.Result) []byte { return s.appendResults(nil, results) }
	return x.Once(ctx, app.ID, func(call *idempotency.Call) error {
		s.Call = call
		results, err := d.Dispatch.Batch(ctx, s.Request, s.to)
		if err != nil {
			return err
		}
		x.Out = s.appendResults(x.Out, results)
		return nil
	})
}

// appendCounts are how many were accepted, and how many refused.
func appendCounts(out []byte, results []dispatch.Result) []byte {
	failed := 0
	for i := range results {
		if results[i].Err != nil {
			failed++
		}
	}
	out = append(out, `"success_count":`...)
	out = strconv.AppendInt(out, int64(len(results)-failed), 10)
	out = append(out, `,"failure_count":`...)
	return strconv.AppendInt(out, int64(failed), 10)
}

func (s *several) appendResults(out []byte, results []dispatch.Result) []byte {
	out = appendCounts(append(out, '{'), results)
	out = append(out, `,"recipients":[`...)
	for i := range results {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '{')
		if err := results[i].Err; err != nil {
			out = append(appendFailure(out, err), ',')
		}
		out = append(out, `"msg_id":"`...)
		out = strconv.AppendInt(out, results[i].Number, 10)
		out = append(out, '"')
		out = s.appendSaid(out, i, results[i].Err != nil)
		out = append(out, '}')
	}
	return append(out, "]}"...)
}

// appendFailure is why a recipient was refused: its code is a string.
func appendFailure(out []byte, err error) []byte {
	c := codeOf(core.AsError(err))
	out = append(out, `"error_code":"`...)
	out = strconv.AppendInt(out, int64(c), 10)
	out = append(out, `","error_message":`...)
	return facade.AppendString(out, answers[c].message)
}

// appendSaid echoes a recipient's number in the caller's form, and of a failure
// the parameters too.
func (s *several) appendSaid(out []byte, i int, failed bool) []byte {
	o, _ := s.said[i].Object()
	literal, _ := textOrNumber(o.Get("mobile"))
	out = append(out, `,"mobile":`...)
	out = facade.AppendString(out, literal)
	if params := o.Get("temp_para"); failed && params.Literal() != "" {
		out = append(out, `,"temp_para":`...)
		out = append(out, params.Literal()...)
	}
	return out
}
