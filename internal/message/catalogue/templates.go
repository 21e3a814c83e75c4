package catalogue

import (
	"context"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// NewTemplate is what somebody wants to have approved.
type NewTemplate struct {
	App    core.AppID
	Ref    string // an id that was issued elsewhere, kept verbatim; "" issues one
	Name   string // by which providers map it; "" is its own id
	Kind   message.Kind
	Text   string
	TTL    time.Duration
	Remark string

	Signed bool // refuse with KindSignatureMissing while the app has no approved signature (contracts/jsms.md §11, 50046)
}

// AddTemplate stores a template and asks for its audit. Errors: those of
// Template.Check; KindNotFound for the app; KindSignatureMissing; KindConflict
// when the app has the Ref already.
func (a *Admin) AddTemplate(ctx context.Context, by tenant.By, n NewTemplate) (message.Template, error) {
	if _, err := a.app(n.App); err != nil {
		return message.Template{}, err
	}
	if n.Signed && !a.o.Catalogue.HasSignature(n.App) {
		return message.Template{}, core.Field(core.KindSignatureMissing, "signature")
	}
	row := records.Template{App: n.App, Name: n.Name, Kind: uint8(n.Kind), Text: n.Text, TTL: int64(n.TTL / time.Second), Remark: n.Remark,
		State: uint8(a.begins())}
	if err := a.checkTemplate(&row); err != nil {
		return message.Template{}, err
	}
	err := a.o.Apps.Change(ctx, func(q store.SQL) (err error) {
		if row.ID, err = records.NextTemplateID(ctx, q, n.App); err != nil {
			return err
		}
		if row.Ref, err = refOf(row.ID, n.Ref); err != nil {
			return err
		}
		if _, taken, err := records.TemplateByRef(ctx, q, n.App, row.Ref); err != nil || taken {
			return conflictOr(err, "the app has a template of this id")
		}
		if row.Name = n.Name; row.Name == "" {
			row.Name = fmt.Sprint(row.ID)
		}
		row.Version, row.Created = 1, store.At(a.o.Now())
		row.Updated = row.Created
		if err := records.InsertTemplate(ctx, q, row); err != nil {
			return err
		}
		if err := a.tell(ctx, q, row.App, store.EventTemplate, row.ID, message.Audit(row.State), ""); err != nil {
			return err
		}
		return a.o.Apps.Record(ctx, q, by, "template.add", templateObject(&row), nil, ViewTemplate(templateOf(&row)))
	})
	return *templateOf(&row), err
}

func conflictOr(err error, detail string) error {
	if err != nil {
		return err
	}
	return core.E(core.KindConflict, detail)
}

// checkTemplate validates a row's wording. A code template lives for its ttl;
// the others have none.
func (a *Admin) checkTemplate(row *records.Template) error {
	signature := ""
	if app, ok := a.o.Directory.App(row.App); ok {
		if sign, err := a.o.Catalogue.Signature(app, ""); err == nil {
			signature = sign.Text
		}
	}
	t := templateOf(row)
	if err := t.Check(signature, a.o.Longest, a.o.Words); err != nil {
		return err
	}
	if t.Kind != message.KindCode {
		row.TTL = 0
	}
	if row.Name == "" {
		return nil
	}
	return message.ValidateTemplateName(row.Name)
}

// TemplateChange changes a template; what is nil stays as it is.
type TemplateChange struct {
	Name   *string
	Kind   *message.Kind
	Text   *string
	TTL    *time.Duration
	Remark *string

	Rejected bool // refuse with KindWrongState unless it was rejected (contracts/jsms.md §11, 50047)
}

// EditTemplate changes a template, which asks for its audit anew; one of every
// app's (App 0) stays approved, because only an operator changes it. Errors:
// those of Template.Check; KindNotFound with Field template; KindWrongState.
func (a *Admin) EditTemplate(ctx context.Context, by tenant.By, app core.AppID, ref string, c TemplateChange) (message.Template, error) {
	return a.changeTemplate(ctx, by, "template.edit", app, ref, func(_ context.Context, _ store.SQL, row *records.Template) error {
		if c.Rejected && message.Audit(row.State) != message.Rejected {
			return core.Field(core.KindWrongState, "template")
		}
		set(&row.Name, c.Name)
		set(&row.Text, c.Text)
		set(&row.Remark, c.Remark)
		if c.Kind != nil {
			row.Kind = uint8(*c.Kind)
		}
		if c.TTL != nil {
			row.TTL = int64(*c.TTL / time.Second)
		}
		if row.App != 0 {
			row.State, row.Reason = uint8(a.begins()), ""
		}
		return a.checkTemplate(row)
	})
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// JudgeTemplate is an operator's verdict, which may be another one than before;
// the app is told.
func (a *Admin) JudgeTemplate(ctx context.Context, by tenant.By, app core.AppID, ref string, v Verdict) (message.Template, error) {
	if err := v.check(); err != nil {
		return message.Template{}, err
	}
	action := "template.reject"
	if v.Approve {
		action = "template.approve"
	}
	return a.changeTemplate(ctx, by, action, app, ref, func(ctx context.Context, q store.SQL, row *records.Template) error {
		row.State, row.Reason = uint8(v.state()), v.Reason
		return a.tell(ctx, q, row.App, store.EventTemplate, row.ID, v.state(), v.Reason)
	})
}

// DeleteTemplate makes a template unknown; its id is never issued again. The
// one that is built in can not be deleted (KindNotFound, contracts/jsms.md §11).
func (a *Admin) DeleteTemplate(ctx context.Context, by tenant.By, app core.AppID, ref string) error {
	_, err := a.changeTemplate(ctx, by, "template.delete", app, ref, func(_ context.Context, _ store.SQL, row *records.Template) error {
		if row.App == 0 {
			return errNoTemplate
		}
		row.Deleted = store.At(a.o.Now())
		return nil
	})
	return err
}

var errNoTemplate = &core.Error{Kind: core.KindNotFound, Field: "template", Detail: "no such template"}

// changeTemplate reads a row, lets edit change it, and writes it with its audit
// row.
func (a *Admin) changeTemplate(ctx context.Context, by tenant.By, action string, app core.AppID, ref string,
	edit func(context.Context, store.SQL, *records.Template) error) (message.Template, error) {
	var after records.Template
	err := a.o.Apps.Change(ctx, func(q store.SQL) error {
		row, found, err := records.TemplateByRef(ctx, q, app, ref)
		if err != nil || !found || row.Deleted != 0 {
			if err == nil {
				err = errNoTemplate
			}
			return err
		}
		before := ViewTemplate(templateOf(&row))
		if err := edit(ctx, q, &row); err != nil {
			return err
		}
		row.Updated = store.At(a.o.Now())
		if err := changedOr(records.UpdateTemplate(ctx, q, row)); err != nil {
			return err
		}
		after = row
		return a.o.Apps.Record(ctx, q, by, action, templateObject(&row), before, ViewTemplate(templateOf(&row)))
	})
	return *templateOf(&after), err
}

func templateObject(row *records.Template) string {
	return fmt.Sprintf("app %d template %s", row.App, row.Ref)
}
