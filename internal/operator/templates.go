package operator

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/operator/api"
)

// messageRoutes are those of templates and signatures. App 0 stands for every
// app's templates.
func (o *operator) messageRoutes() []facade.Route {
	const templates, signs = "/admin/apps/{app}/templates", "/admin/apps/{app}/signs"
	return []facade.Route{
		{Name: "template-list", Method: http.MethodGet, Path: templates, Handle: o.listTemplates},
		{Name: "template-add", Method: http.MethodPost, Path: templates, Handle: o.addTemplate},
		{Name: "template-show", Method: http.MethodGet, Path: templates + "/{template}", Handle: o.showTemplate},
		{Name: "template-edit", Method: http.MethodPatch, Path: templates + "/{template}", Handle: o.editTemplate},
		{Name: "template-delete", Method: http.MethodDelete, Path: templates + "/{template}", Handle: o.deleteTemplate},
		{Name: "template-approve", Method: http.MethodPost, Path: templates + "/{template}/approve", Handle: o.approveTemplate},
		{Name: "template-reject", Method: http.MethodPost, Path: templates + "/{template}/reject", Handle: o.rejectTemplate},
		{Name: "sign-list", Method: http.MethodGet, Path: signs, Handle: o.listSigns},
		{Name: "sign-add", Method: http.MethodPost, Path: signs, Handle: o.addSign},
		{Name: "sign-show", Method: http.MethodGet, Path: signs + "/{sign}", Handle: o.showSign},
		{Name: "sign-image", Method: http.MethodGet, Path: signs + "/{sign}/image", Handle: o.signImage},
		{Name: "sign-delete", Method: http.MethodDelete, Path: signs + "/{sign}", Handle: o.deleteSign},
		{Name: "sign-approve", Method: http.MethodPost, Path: signs + "/{sign}/approve", Handle: o.approveSign},
		{Name: "sign-reject", Method: http.MethodPost, Path: signs + "/{sign}/reject", Handle: o.rejectSign},
		{Name: "sign-default", Method: http.MethodPost, Path: signs + "/{sign}/default", Handle: o.defaultSign},
	}
}

// appOrAll reads the app out of the path; 0 is every app's.
func (o *operator) appOrAll(x *facade.Exchange) (core.AppID, error) {
	id, err := strconv.ParseUint(x.Param("app"), 10, 32)
	if err != nil {
		return 0, &core.Error{Kind: core.KindInvalidID, Field: "app", Detail: "want a number from 0"}
	}
	if id != 0 {
		if _, found := o.Directory.App(core.AppID(id)); !found {
			return 0, core.E(core.KindNotFound, "no such app")
		}
	}
	return core.AppID(id), nil
}

func (o *operator) listTemplates(_ context.Context, x *facade.Exchange) error {
	app, err := o.appOrAll(x)
	if err != nil {
		return err
	}
	all := o.Catalogue.Templates(app)
	if app != 0 {
		all = append(all[:len(all):len(all)], o.Catalogue.Templates(0)...)
	}
	views := []catalogue.TemplateView{}
	for _, t := range all {
		views = append(views, catalogue.ViewTemplate(t))
	}
	return reply(x, http.StatusOK, api.Templates{Templates: views})
}

func (o *operator) addTemplate(ctx context.Context, x *facade.Exchange) error {
	id, err := pathID(x, "app")
	if err != nil {
		return err
	}
	var body api.NewTemplate
	if _, err := decode(x, &body); err != nil {
		return err
	}
	kind, err := kindNamed(body.Kind)
	if err != nil {
		return err
	}
	t, err := o.Messages.AddTemplate(ctx, by(x), catalogue.NewTemplate{App: core.AppID(id), Ref: body.ID, Name: body.Name, Kind: kind, Text: body.Text,
		TTL: time.Duration(body.TTL) * time.Second, Remark: body.Remark})
	if err != nil {
		return err
	}
	return reply(x, http.StatusCreated, catalogue.ViewTemplate(&t))
}

func kindNamed(name string) (message.Kind, error) {
	kind, ok := message.KindNamed(name)
	if !ok {
		return 0, &core.Error{Kind: core.KindBadField, Field: "kind", Detail: "want code, notice or market"}
	}
	return kind, nil
}

func (o *operator) showTemplate(_ context.Context, x *facade.Exchange) error {
	return o.withTemplate(x, func(app core.AppID, ref string) (message.Template, error) {
		t, err := o.Catalogue.Template(app, ref)
		if err != nil {
			return message.Template{}, err
		}
		return *t, nil
	})
}

func (o *operator) editTemplate(ctx context.Context, x *facade.Exchange) error {
	return o.withTemplate(x, func(app core.AppID, ref string) (message.Template, error) {
		var body api.TemplateChange
		if _, err := decode(x, &body); err != nil {
			return message.Template{}, err
		}
		change := catalogue.TemplateChange{Name: body.Name, Text: body.Text, Remark: body.Remark}
		if body.Kind != nil {
			kind, err := kindNamed(*body.Kind)
			if err != nil {
				return message.Template{}, err
			}
			change.Kind = &kind
		}
		if body.TTL != nil {
			ttl := time.Duration(*body.TTL) * time.Second
			change.TTL = &ttl
		}
		return o.Messages.EditTemplate(ctx, by(x), app, ref, change)
	})
}

func (o *operator) deleteTemplate(ctx context.Context, x *facade.Exchange) error {
	return o.withTemplate(x, func(app core.AppID, ref string) (message.Template, error) {
		t, err := o.Catalogue.Template(app, ref)
		if err != nil {
			return message.Template{}, err
		}
		return *t, o.Messages.DeleteTemplate(ctx, by(x), app, ref)
	})
}

func (o *operator) approveTemplate(ctx context.Context, x *facade.Exchange) error {
	return o.withTemplate(x, func(app core.AppID, ref string) (message.Template, error) {
		return o.Messages.JudgeTemplate(ctx, by(x), app, ref, catalogue.Verdict{Approve: true})
	})
}

func (o *operator) rejectTemplate(ctx context.Context, x *facade.Exchange) error {
	return o.withTemplate(x, func(app core.AppID, ref string) (message.Template, error) {
		var body api.Verdict
		if _, err := decode(x, &body); err != nil {
			return message.Template{}, err
		}
		return o.Messages.JudgeTemplate(ctx, by(x), app, ref, catalogue.Verdict{Reason: body.Reason})
	})
}

// withTemplate answers with what f makes of the template in the path.
func (o *operator) withTemplate(x *facade.Exchange, f func(core.AppID, string) (message.Template, error)) error {
	app, err := o.appOrAll(x)
	if err != nil {
		return err
	}
	t, err := f(app, x.Param("template"))
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, catalogue.ViewTemplate(&t))
}
