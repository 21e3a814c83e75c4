package operator

import (
	"context"
	"net/http"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/operator/api"
)

func (o *operator) listSigns(_ context.Context, x *facade.Exchange) error {
	app, err := o.signApp(x)
	if err != nil {
		return err
	}
	views := []catalogue.SignatureView{}
	for _, s := range o.Catalogue.Signatures(app) {
		views = append(views, catalogue.ViewSignature(s))
	}
	return reply(x, http.StatusOK, api.Signatures{Signatures: views})
}

func (o *operator) signApp(x *facade.Exchange) (core.AppID, error) {
	id, err := pathID(x, "app")
	if err != nil {
		return 0, err
	}
	if _, found := o.Directory.App(core.AppID(id)); !found {
		return 0, core.E(core.KindNotFound, "no such app")
	}
	return core.AppID(id), nil
}

func (o *operator) addSign(ctx context.Context, x *facade.Exchange) error {
	app, err := o.signApp(x)
	if err != nil {
		return err
	}
	body := api.NewSignature{Kind: 1}
	if _, err := decode(x, &body); err != nil {
		return err
	}
	if body.Kind < 1 || body.Kind > 7 {
		return &core.Error{Kind: core.KindBadField, Field: "kind", Detail: "want 1 to 7"}
	}
	s, err := o.Messages.AddSignature(ctx, by(x), catalogue.NewSignature{App: app, Ref: body.ID, Text: body.Text, Kind: uint8(body.Kind), Remark: body.Remark})
	if err != nil {
		return err
	}
	return reply(x, http.StatusCreated, catalogue.ViewSignature(&s))
}

func (o *operator) showSign(_ context.Context, x *facade.Exchange) error {
	return o.withSign(x, func(app core.AppID, ref string) (message.Signature, error) { return o.foundSign(app, ref) })
}

func (o *operator) foundSign(app core.AppID, ref string) (message.Signature, error) {
	s, err := o.Catalogue.FindSignature(app, ref)
	if err != nil {
		return message.Signature{}, err
	}
	return *s, nil
}

// signImage answers with the picture as it was sent.
func (o *operator) signImage(ctx context.Context, x *facade.Exchange) error {
	app, err := o.signApp(x)
	if err != nil {
		return err
	}
	media, data, err := o.Messages.Image(ctx, app, x.Param("sign"))
	if err != nil {
		return err
	}
	x.Status, x.ContentType, x.Out = http.StatusOK, media, append(x.Out, data...)
	return nil
}

func (o *operator) deleteSign(ctx context.Context, x *facade.Exchange) error {
	return o.withSign(x, func(app core.AppID, ref string) (message.Signature, error) {
		s, err := o.foundSign(app, ref)
		if err != nil {
			return s, err
		}
		return s, o.Messages.DeleteSignature(ctx, by(x), app, ref)
	})
}

func (o *operator) approveSign(ctx context.Context, x *facade.Exchange) error {
	return o.withSign(x, func(app core.AppID, ref string) (message.Signature, error) {
		return o.Messages.JudgeSignature(ctx, by(x), app, ref, catalogue.Verdict{Approve: true})
	})
}

func (o *operator) rejectSign(ctx context.Context, x *facade.Exchange) error {
	return o.withSign(x, func(app core.AppID, ref string) (message.Signature, error) {
		var body api.Verdict
		if _, err := decode(x, &body); err != nil {
			return message.Signature{}, err
		}
		return o.Messages.JudgeSignature(ctx, by(x), app, ref, catalogue.Verdict{Reason: body.Reason})
	})
}

func (o *operator) defaultSign(ctx context.Context, x *facade.Exchange) error {
	return o.withSign(x, func(app core.AppID, ref string) (message.Signature, error) {
		return o.Messages.DefaultSignature(ctx, by(x), app, ref)
	})
}

// withSign answers with what f makes of the signature in the path.
func (o *operator) withSign(x *facade.Exchange, f func(core.AppID, string) (message.Signature, error)) error {
	app, err := o.signApp(x)
	if err != nil {
		return err
	}
	s, err := f(app, x.Param("sign"))
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, catalogue.ViewSignature(&s))
}
