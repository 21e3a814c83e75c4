package submail

import (
	"context"
	"net/http"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/tenant"
)

// Apps is the configuration cache (tenant.Directory).
type Apps interface {
	AppByName(dialect tenant.Dialect, name string) (*tenant.App, []tenant.SigningKey, bool)
	App(id core.AppID) (*tenant.App, bool)
	ListsOrigin(origin string) bool
}

// Numbers asks carriers (numberverify.Service).
type Numbers interface {
	Verify(ctx context.Context, r numberverify.VerifyRequest) (numberverify.Verified, error)
	Fetch(ctx context.Context, r numberverify.FetchRequest) (numberverify.Fetched, error)
	Report(ctx context.Context, app *tenant.App, c numberverify.Carrier, text string) (token string, err error)
	Devices(app *tenant.App) []numberverify.Device
}

// Keys make the tags of browser sessions: keyring.Ring.
type Keys interface {
	TokenHashes(text string) [][32]byte
}

// Windows of timestamps (contracts/submail.md §4.2).
const (
	DefaultWindow = 60 * time.Second
	StrictWindow  = 6 * time.Second
)

// Options are what the façade works with; all are required but Carries, Window
// and StrictStatus.
type Options struct {
	Apps     Apps
	Numbers  Numbers
	Keys     Keys
	Limiter  guard.Limiter
	Subjects guard.Subjects
	Rules    guard.Rules // the installation's: for limits that come before the caller is known
	Now      func() time.Time

	Codes   Codes                                                           // sends the codes of a plan
	Carries func(app *tenant.App, to core.Phone, channel core.Channel) bool // whether somebody does; nil: always

	Window       time.Duration // how far a timestamp may be off, either way [DefaultWindow]
	StrictStatus bool          // errors have an HTTP status of their own (contracts/submail.md §2)
}

// dialect is the façade with what it works with.
type dialect struct{ Options }

// The endpoints' names, as events show them.
const (
	verify      = "vfmobile-verify"
	getMobile   = "ocl-get-mobile"
	getMobileV2 = "ocl-get-mobile-v2"
	timestamp   = "service-timestamp"
	status      = "service-status"
	script      = "vfmobile-script"
	initScript  = "vfmobile-init"
	reportToken = "vfmobile-token"
	prove       = "vfmobile-prove"
	proveCheck  = "vfmobile-prove-check"
)

// New returns the façade.
func New(o Options) *facade.Facade {
	if o.Window == 0 {
		o.Window = DefaultWindow
	}
	d := &dialect{o}
	f := &facade.Facade{
		Name:   string(tenant.DialectSubmail),
		Owns:   []string{"/vfmobile/", "/ocl/", "/service/", "/libraries/js/vfmobile.min.js"},
		Refuse: d.refuse,
	}
	post := func(name string, handle func(context.Context, *facade.Exchange) error, paths ...string) {
		for _, path := range paths {
			f.Routes = append(f.Routes, facade.Route{Name: name, Method: http.MethodPost, Path: path, BodyCap: facade.BodyCap, Handle: handle})
		}
	}
	get := func(name string, handle func(context.Context, *facade.Exchange) error, paths ...string) {
		for _, path := range paths {
			f.Routes = append(f.Routes, facade.Route{Name: name, Method: http.MethodGet, Path: path, Handle: handle})
		}
	}
	preflight := func(path, method string) {
		f.Routes = append(f.Routes, facade.Route{Name: "preflight", Method: http.MethodOptions, Path: path, Handle: d.preflight(method)})
	}
	post(verify, d.verify, "/vfmobile/verify", "/vfmobile/Verify", "/vfmobile/verify.json", "/vfmobile/Verify.json")
	post(getMobile, d.getMobile(false), "/ocl/getMobile", "/ocl/getMobile.json")
	post(getMobileV2, d.getMobile(true), "/ocl/getMobile_v2", "/ocl/getMobile_v2.json")
	for _, path := range []string{"/service/timestamp", "/service/timestamp.json"} {
		get(timestamp, d.timestamp, path)
		post(timestamp, d.timestamp, path)
	}
	for _, path := range []string{"/service/status", "/service/status.json"} {
		get(status, d.status, path)
		post(status, d.status, path)
	}
	get(script, serveScript, "/libraries/js/vfmobile.min.js")
	get(initScript, d.initScript, "/vfmobile/init")
	post(reportToken, d.reportToken, "/vfmobile/token")
	post(prove, d.prove, "/vfmobile/prove")
	post(proveCheck, d.proveCheck, "/vfmobile/prove/check")
	preflight("/vfmobile/init", http.MethodGet)
	preflight("/vfmobile/token", http.MethodPost)
	return f
}
