package submail

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/tenant"
)

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
			x.SetHeader("Access-Control-Allow-Headers", "Content-Type")
			x.SetHeader("Access-Control-Max-Age", "600")
		}
		return nil
	}
}

// gateway is one entry of what a page tries (contracts/submail.md §9).
type gateway struct {
	Type   numberverify.Carrier `json:"type"`
	Name   string               `json:"name"`
	Mode   string               `json:"mode"`
	Method string               `json:"method"`
	URL    string               `json:"url"`
	Params map[string]string    `json:"params"`

	Encoding string `json:"encoding,omitempty"` // json: a POST of JSON
}

// initScript begins a page's session (contracts/submail.md §9).
func (d *dialect) initScript(ctx context.Context, x *facade.Exchange) error {
	x.SetHeader("Vary", "Origin")
	if err := d.limitPage(ctx, x); err != nil {
		return err
	}
	app, _, err := d.appOf(x.Request.URL.Query().Get("appid"))
	if err != nil {
		return err
	}
	x.Event.App = app.ID
	if err := d.allowOrigin(x, app); err != nil { // first: the page reads why not
		return err
	}
	if err := usable(app, tenant.ProductNumberVerification); err != nil {
		return err
	}
	gateways := []gateway{}
	for _, g := range d.Numbers.Devices(app) {
		gateways = append(gateways, gateway{Type: g.Carrier, Name: g.Carrier.Short(), Mode: g.Mode, Method: g.Method, URL: g.URL, Params: g.Params, Encoding: g.Encoding})
	}
	list, err := json.Marshal(gateways)
	if err != nil {
		return core.Wrap(core.KindInternal, err, "encode the gateways")
	}
	x.Out = append(x.Out, `{"code":0,"msg":"ok","appid":`...)
	x.Out = facade.AppendString(x.Out, x.Request.URL.Query().Get("appid"))
	x.Out = append(x.Out, `,"session":"`...)
	x.Out = append(x.Out, d.newSession(app.ID)...)
	x.Out = append(x.Out, `","gateways":`...)
	x.Out = append(append(x.Out, list...), '}')
	return nil
}

// reportToken takes a token that a page got, so that its carrier and its age
// are known when it is verified (contracts/submail.md §9).
func (d *dialect) reportToken(ctx context.Context, x *facade.Exchange) error {
	x.SetHeader("Vary", "Origin")
	if err := d.limitPage(ctx, x); err != nil {
		return err
	}
	f, err := readForm(x)
	if err != nil {
		return err
	}
	id, ok := d.appOfSession(f.session)
	app, known := d.Apps.App(id)
	if !ok || !known {
		return errSession
	}
	x.Event.App = app.ID
	if err := d.allowOrigin(x, app); err != nil { // first: the page reads why not
		return err
	}
	if err := usable(app, tenant.ProductNumberVerification); err != nil {
		return err
	}
	carrier, ok := carrierOf(f.kind)
	if !ok || carrier == numberverify.CarrierUnknown {
		return errType
	}
	var space [1]guard.Bucket
	if _, err := d.Limiter.Take(ctx, d.Now(), reports.For(space[:0], d.Subjects, uint64(app.ID), uint32(app.ID))); err != nil {
		return err
	}
	if f.token == "" {
		return errToken
	}
	token, err := d.Numbers.Report(ctx, app, carrier, f.token)
	if core.KindOf(err) == core.KindBadField {
		return errToken
	}
	if err != nil {
		return carrierError(err)
	}
	x.Out = append(x.Out, `{"code":0,"message":"获取token成功","token":`...)
	x.Out = append(facade.AppendString(x.Out, token), '}')
	return nil
}

// reports bounds what everybody who knows an appid, which is public, can have
// kept for it: each report is a row until its proof is dead.
var reports = &guard.Rule{Name: "browser_reports", Kind: 42, Exceeded: guard.Refuse, FailOpen: true, Windows: []guard.Window{{Max: 6000, Per: time.Minute}}}

// limitPage counts a call that anybody can make.
func (d *dialect) limitPage(ctx context.Context, x *facade.Exchange) error {
	var space [2]guard.Bucket
	buckets := d.Rules.BrowserScript.ForIP(space[:0], d.Subjects, x.Source, 0)
	if len(buckets) == 0 {
		return nil
	}
	_, err := d.Limiter.Take(ctx, d.Now(), buckets)
	return err
}

// allowOrigin holds a page to its app's list. A page of this very host needs
// none, nor does what is no page.
func (d *dialect) allowOrigin(x *facade.Exchange, app *tenant.App) error {
	origin := x.Request.Header.Get("Origin")
	if origin == "" || isOwn(origin, x.Request.Host) {
		return nil
	}
	if !app.ListsOrigin(origin) {
		return errOrigin
	}
	x.SetHeader("Access-Control-Allow-Origin", origin)
	return nil
}

func isOwn(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

// initAnswers are the codes of VFM.init (contracts/submail.md §9).
var initAnswers = map[reason]answer{
	{core.KindMissingField, "appid"}:      {1301, "invalid appid"},
	{core.KindInvalidID, "appid"}:         {1301, "invalid appid"},
	{core.KindNotFound, "appid"}:          {1311, "appid does not exist"},
	{core.KindForbidden, "origin"}:        {1107, "appid unauthorized"},
	{core.KindForbidden, "app"}:           {1109, "appid disabled"},
	{core.KindForbidden, "account"}:       {1110, "account disabled"},
	{core.KindForbidden, "dialect"}:       {1111, "product unauthorized"},
	{core.KindForbidden, "product"}:       {1111, "product unauthorized"},
	{core.KindUnauthenticated, "session"}: {timeOut, "TIME OUT"},
	{core.KindBadField, "type"}:           {1303, "Unknown mobile type"},
	{core.KindMissingField, "token"}:      {1312, "Null token"},
}

// noAnswer is what the script says of a server that does not answer.
var noAnswer = answer{500, "no answer"}

// refusal is what a page is told, and who may read it: a reason that is no
// app's can be read where any app lists the origin.
func (d *dialect) refusal(x *facade.Exchange, err *core.Error) answer {
	a, ok := initAnswers[reason{err.Kind, err.Field}]
	if !ok {
		a = noAnswer
	}
	if origin := x.Request.Header.Get("Origin"); origin != "" && x.Event.App == 0 && d.Apps.ListsOrigin(origin) {
		x.SetHeader("Access-Control-Allow-Origin", origin)
	}
	x.Status, x.Event.Code = http.StatusOK, strconv.Itoa(a.code)
	if err.Kind == core.KindRateLimited && d.StrictStatus {
		x.Status = http.StatusTooManyRequests
	}
	return a
}

func (d *dialect) refuseInit(x *facade.Exchange, err *core.Error) {
	a := d.refusal(x, err)
	x.Out = append(x.Out, `{"code":`...)
	x.Out = strconv.AppendInt(x.Out, int64(a.code), 10)
	x.Out = append(x.Out, `,"msg":`...)
	x.Out = facade.AppendString(x.Out, a.msg)
	x.Out = append(x.Out, `,"appid":`...)
	x.Out = append(facade.AppendString(x.Out, x.Request.URL.Query().Get("appid")), '}')
}

func (d *dialect) refuseToken(x *facade.Exchange, err *core.Error) {
	a := d.refusal(x, err)
	x.Out = append(x.Out, `{"code":`...)
	x.Out = strconv.AppendInt(x.Out, int64(a.code), 10)
	x.Out = append(x.Out, `,"message":`...)
	x.Out = append(facade.AppendString(x.Out, a.msg), '}')
}
