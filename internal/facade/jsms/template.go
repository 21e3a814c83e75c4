package jsms

import (
	"context"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/tenant"
)

// by is who changes a template or signature, for the audit.
func by(x *facade.Exchange, app *tenant.App) tenant.By {
	return tenant.By{Actor: "app " + strconv.FormatUint(uint64(app.ID), 10), Request: x.Event.RequestID}
}

// wanted is a template as a request describes it (contracts/jsms.md §11).
type wanted struct {
	text, remark string
	kind         message.Kind
	ttl          time.Duration
}

func wantedTemplate(x *facade.Exchange) (w wanted, err error) {
	if w.text, err = textOf(x, "template"); err != nil {
		return w, err
	}
	if w.remark, err = textOf(x, "remark"); err != nil {
		return w, err
	}
	kind, _, err := integerOf(x, "type")
	if err != nil {
		return w, err
	}
	ttl, _, err := integerOf(x, "ttl")
	if err != nil {
		return w, err
	}
	if kind >= int64(message.KindCode) && kind <= int64(message.KindMarket) {
		w.kind = message.Kind(kind)
	}
	w.ttl = time.Duration(min(max(ttl, -1), longestTTL+1)) * time.Second // what is out of range stays so
	return w, nil
}

func (d *dialect) addTemplate(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	w, err := wantedTemplate(x)
	if err != nil {
		return err
	}
	t, err := d.Editor.AddTemplate(ctx, by(x, app), catalogue.NewTemplate{App: app.ID, Kind: w.kind, Text: w.text, TTL: w.ttl, Remark: w.remark, Signed: app.Template.Signature == ""})
	if core.KindOf(err) == core.KindSignatureMissing {
		return core.Field(core.KindSignatureMissing, "app")
	}
	if err == nil {
		x.Out = appendID(x.Out, "temp_id", t.Ref)
	}
	return err
}

func (d *dialect) editTemplate(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	w, err := wantedTemplate(x)
	if err != nil {
		return err
	}
	t, err := d.Editor.EditTemplate(ctx, by(x, app), app.ID, x.Param("temp_id"),
		catalogue.TemplateChange{Kind: &w.kind, Text: &w.text, TTL: &w.ttl, Remark: &w.remark, Rejected: true})
	if err == nil {
		x.Out = appendID(x.Out, "temp_id", t.Ref)
	}
	return err
}

func (d *dialect) showTemplate(_ context.Context, x *facade.Exchange, app *tenant.App) error {
	t, err := d.Catalogue.Template(app.ID, x.Param("temp_id"))
	if err != nil {
		return err
	}
	out := appendMember(append(x.Out, '{'), "temp_id", t.Ref)
	out = append(out, `,"template":`...)
	out = facade.AppendString(out, t.Text)
	out = append(out, `,"type":`...)
	out = strconv.AppendInt(out, int64(t.Kind), 10)
	out = append(out, `,"ttl":`...)
	out = strconv.AppendInt(out, int64(t.TTL/time.Second), 10)
	out = append(out, `,"remark":`...)
	out = facade.AppendString(out, t.Remark)
	out = append(out, `,"status":`...)
	x.Out = append(strconv.AppendInt(out, int64(t.State), 10), '}')
	return nil
}

func (d *dialect) deleteTemplate(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	if err := d.Editor.DeleteTemplate(ctx, by(x, app), app.ID, x.Param("temp_id")); err != nil {
		return err
	}
	deleted(x)
	return nil
}

// deleted is the answer of every DELETE (contracts/jsms.md §1).
func deleted(x *facade.Exchange) {
	x.ContentType = "application/json"
	x.SetHeader("Content-Length", "0")
}

// appendID is an object with one id.
func appendID(out []byte, name, ref string) []byte {
	return append(appendMember(append(out, '{'), name, ref), '}')
}

// appendMember appends an id: a number, unless it was issued elsewhere and is
// none.
func appendMember(out []byte, name, ref string) []byte {
	out = append(out, '"')
	out = append(out, name...)
	out = append(out, `":`...)
	if n, err := strconv.ParseInt(ref, 10, 64); err == nil && strconv.FormatInt(n, 10) == ref {
		return append(out, ref...)
	}
	return facade.AppendString(out, ref)
}
