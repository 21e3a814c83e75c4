package oneaccess

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/tenant"
)

// headersOfPages are those that a page may send.
var headersOfPages = strings.Join([]string{"Content-Type", "Idempotency-Key", headerClient, headerTenant, headerSystem, headerFingerprint, headerDeviceIP,
	headerAgent, headerState, headerSignature, "X-L"}, ", ")

// headersForPages are those that a page may read.
const headersForPages = "Retry-After, X-Request-Id, " + headerChallenge

// headerChallenge says which challenge the app asks for now: puzzle or work.
const headerChallenge = "X-Captcha"

// preflight answers a browser's question before a request of another origin: it
// does not say whose page it is, so any app's list will do (contracts/README.md
// §3.3).
func (d *dialect) preflight(method string) func(context.Context, *facade.Exchange) error {
	return func(_ context.Context, x *facade.Exchange) error {
		x.Status, x.ContentType = http.StatusNoContent, ""
		x.SetHeader("Vary", "Origin")
		if origin := x.Request.Header.Get("Origin"); d.Apps.ListsOrigin(origin) {
			x.SetHeader("Access-Control-Allow-Origin", origin)
			x.SetHeader("Access-Control-Allow-Methods", method)
			x.SetHeader("Access-Control-Allow-Headers", headersOfPages)
			x.SetHeader("Access-Control-Max-Age", "600")
		}
		return nil
	}
}

// allowOrigin holds a page to its app's list. A page of this very host needs
// none, nor does what is no page.
func (d *dialect) allowOrigin(x *facade.Exchange, app *tenant.App) error {
	origin := x.Request.Header.Get("Origin")
	if origin == "" || isOwn(origin, x.Request.Host) {
		return nil
	}
	x.SetHeader("Vary", "Origin")
	if !app.ListsOrigin(origin) {
		return errOrigin
	}
	showTo(x, origin)
	return nil
}

// showToPages lets a page read why it was refused before its app was known,
// where any app lists its origin.
func (d *dialect) showToPages(x *facade.Exchange) {
	origin := x.Request.Header.Get("Origin")
	if origin != "" && x.Event.App == 0 && d.Apps.ListsOrigin(origin) {
		x.SetHeader("Vary", "Origin")
		showTo(x, origin)
	}
}

func showTo(x *facade.Exchange, origin string) {
	x.SetHeader("Access-Control-Allow-Origin", origin)
	x.SetHeader("Access-Control-Expose-Headers", headersForPages)
}

func isOwn(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}
