package camara

import (
	"context"
	"net/http"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/oauth"
)

// authorize is the authorization endpoint (contracts/camara.md §4.2): a redirect
// in every case but one.
func (d *dialect) authorize(ctx context.Context, x *facade.Exchange) error {
	_ = d.correlate(x)
	failures := d.failures(x)
	if err := d.peek(ctx, failures); err != nil {
		return err
	}
	form, readable := readQuery(x)
	if !readable {
		appendPage(x, "invalid_request")
		return nil
	}
	seen := oauth.Seen{Hints: d.Hints}
	if d.Network != nil {
		seen.Phone = d.Network(x.Request)
	}
	x.Event.Phone = seen.Phone
	answer, err := d.OAuth.Authorize(ctx, form, seen)
	if err != nil {
		return err
	}
	x.Event.App, x.Event.Code = answer.App, answer.Refused
	if answer.Location == "" {
		if err := d.take(ctx, failures); err != nil {
			return err
		}
		appendPage(x, answer.Refused)
		return nil
	}
	x.Status, x.ContentType = http.StatusFound, ""
	x.SetHeader("Location", answer.Location)
	x.SetHeader("Referrer-Policy", "no-referrer")
	return nil
}

// readQuery reads the parameters, if they can be.
func readQuery(x *facade.Exchange) (oauth.Form, bool) {
	form, err := oauth.ParseForm(x.Request.URL.RawQuery)
	return form, err == nil
}

// appendPage is what a person sees whose app sent a request that can not be
// answered with a redirect.
func appendPage(x *facade.Exchange, code string) {
	x.Status, x.ContentType, x.Event.Code = http.StatusBadRequest, "text/html;charset=UTF-8", code
	x.SetHeader("Content-Security-Policy", "default-src 'none'")
	x.Out = append(x.Out[:0], "<!doctype html><title>400</title><p>This app is not known here, or its request is not complete.</p>\n"...)
}

// cached is how long discovery and key sets may be kept: shorter than a replaced
// key is published.
const cached = "public, max-age=300"

// jwks is the published keys.
func (d *dialect) jwks(ctx context.Context, x *facade.Exchange) error {
	keys, err := d.Keys.Public(ctx, oauth.InstallationKeys)
	if err != nil {
		return err
	}
	body, err := keys.MarshalJSON()
	return d.document(x, body, err)
}

// discovery is contracts/camara.md §4.4.
func (d *dialect) discovery(_ context.Context, x *facade.Exchange) error {
	body, err := d.OAuth.Discovery()
	return d.document(x, body, err)
}

func (d *dialect) document(x *facade.Exchange, body []byte, err error) error {
	if err != nil {
		return core.Wrap(core.KindInternal, err, "")
	}
	_ = d.correlate(x)
	x.ContentType = contentType
	x.SetHeader("Cache-Control", cached)
	x.Out = append(x.Out, body...)
	return nil
}
