package yunbox

import (
	"context"
	"net/http"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

// Apps is the configuration cache (tenant.Directory).
type Apps interface {
	AppByKey(dialect tenant.Dialect, key string) (*tenant.App, bool)
	App(id core.AppID) (*tenant.App, bool)
	Apps() []*tenant.App
}

// Verifier sends and checks codes (verify.Service).
type Verifier interface {
	Start(ctx context.Context, r verify.StartRequest) (verify.Started, error)
	Login(ctx context.Context, r verify.LoginRequest) (verify.LoggedIn, error)
	LoginTest(ctx context.Context, app *tenant.App, literal string) (verify.LoggedIn, error)
}

// Users finds the user behind a yb_uid (account.Aliases).
type Users interface {
	Resolve(ctx context.Context, text string, app core.AppID, imported bool) (account.User, error)
}

// Devices makes, lists and finds a user's devices (account.Devices).
type Devices interface {
	Create(ctx context.Context, app *tenant.App, user core.UserID) (id string, err error)
	List(ctx context.Context, user core.UserID, app core.AppID, newest int) (ids []string, err error)
	Find(ctx context.Context, id string) (account.Device, error)
}

// Options are what the façade works with; all are required.
type Options struct {
	Apps     Apps
	Verify   Verifier
	Users    Users
	Devices  Devices
	Tunnels  Tunnels
	Limiter  guard.Limiter
	Subjects guard.Subjects
	Rules    guard.Rules // the installation's: for limits that come before the caller is known
	Now      func() time.Time
}

// dialect is the façade with what it works with.
type dialect struct{ Options }

// The endpoints' names, as events show them.
const (
	getCode      = "get-code"
	checkCode    = "check-code"
	createDevice = "create-device"
	listDevices  = "list-devices"
	getTunnel    = "tunnel"
)

// New returns the façade.
func New(o Options) *facade.Facade {
	d := &dialect{o}
	return &facade.Facade{
		Name: string(tenant.DialectYunbox),
		Owns: []string{"/get-code", "/check-code", "/u/"},
		Routes: []facade.Route{
			{Name: getCode, Method: http.MethodPost, Path: "/get-code", BodyCap: facade.BodyCap, Handle: d.getCode},
			{Name: checkCode, Method: http.MethodPost, Path: "/check-code", BodyCap: facade.BodyCap, Handle: d.checkCode},
			{Name: createDevice, Method: http.MethodPost, Path: "/u/{uid}/devices", BodyCap: facade.BodyCap, Handle: d.createDevice},
			{Name: listDevices, Method: http.MethodGet, Path: "/u/{uid}/devices", Handle: d.listDevices},
			{Name: getTunnel, Method: http.MethodGet, Path: "/u/{uid}/devices/{device}/tunnel", Handle: d.tunnel,
				NoHead: true}, // it may erase the private key that it hands out
		},
		Refuse: refuse,
	}
}

// appendOK begins a success and appends one string member to it.
func appendOK(out []byte, member, value string) []byte {
	out = append(out, `{"status":"ok","`...)
	out = append(out, member...)
	out = append(out, `":`...)
	return append(facade.AppendString(out, value), '}')
}
