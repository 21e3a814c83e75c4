package camara

import (
	"context"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/oauth"
)

// token is the token endpoint (contracts/camara.md §4.2).
func (d *dialect) token(ctx context.Context, x *facade.Exchange) error {
	x.ContentType = contentType
	_ = d.correlate(x) // a wrong one is not the OAuth client's fault
	if err := wantMediaType(x, "application/x-www-form-urlencoded"); err != nil {
		return err
	}
	body, err := x.ReadBody()
	if err != nil {
		return err
	}
	form, err := oauth.ParseForm(string(body))
	if err != nil {
		return err
	}
	failures := d.failures(x)
	if err := d.peek(ctx, failures); err != nil {
		return err
	}
	basic, _ := basicAuthorization(x)
	basic.Source = x.Source
	issued, err := d.OAuth.Token(ctx, form, basic)
	if core.KindOf(err) == core.KindUnauthenticated {
		if limited := d.take(ctx, failures); limited != nil {
			return limited
		}
	}
	if err != nil {
		return err
	}
	x.Event.App = issued.App
	x.Out = appendToken(x.Out, issued)
	return nil
}

func appendToken(out []byte, i oauth.Issued) []byte {
	out = append(out, `{"access_token":`...)
	out = facade.AppendString(out, i.AccessToken.Reveal())
	out = append(out, `,"token_type":"Bearer","expires_in":`...)
	out = strconv.AppendInt(out, int64(i.Life/time.Second), 10)
	out = append(out, `,"scope":`...)
	out = facade.AppendString(out, strings.Join(i.Scopes, " "))
	if i.IDToken != "" {
		out = append(out, `,"id_token":`...)
		out = facade.AppendString(out, i.IDToken)
	}
	return append(out, '}')
}

// basicAuthorization reads Authorization: Basic; tried tells that there is one,
// whatever it says. Both parts are form-encoded inside (RFC 6749 §2.3.1).
func basicAuthorization(x *facade.Exchange) (basic oauth.Basic, tried bool) {
	header := x.Request.Header["Authorization"]
	if len(header) == 0 {
		return oauth.Basic{}, false
	}
	basic.Tried = true
	scheme, encoded, _ := strings.Cut(header[0], " ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if len(header) != 1 || !strings.EqualFold(scheme, "Basic") || err != nil {
		return basic, true
	}
	id, secret, _ := strings.Cut(string(raw), ":")
	if id, err = url.QueryUnescape(id); err != nil {
		return basic, true
	}
	if secret, err = url.QueryUnescape(secret); err != nil {
		return basic, true
	}
	basic.ClientID, basic.Secret = id, secret
	return basic, true
}
