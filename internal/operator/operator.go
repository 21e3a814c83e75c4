package operator

import (
	"context"
	_ "embed"
	"io"
	"net/http"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/rotation"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// openAPI describes this API; the tests hold every exchange to it.
//
//go:embed openapi.yaml
var openAPI []byte

// OpenAPI is the description of the API, in YAML.
func OpenAPI() []byte { return openAPI }

// Commands runs commands on rows: store.Batcher.
type Commands interface {
	Do(ctx context.Context, c store.Command) error
}

// Config is what the API works with. All are required, but Limiter (failed
// tokens are then not limited), the handlers and the stats.
type Config struct {
	Token     core.Secret // of every request under /admin
	Admin     *tenant.Admin
	Messages  *catalogue.Admin     // templates and signatures
	Catalogue *catalogue.Catalogue // … as requests see them
	Directory *tenant.Directory
	Database  tenant.Database
	Keys      tenant.Keys
	Ring      *keyring.Ring // finds a number's rows; the same as Keys
	Rotation  *rotation.Service
	Signing   Signing             // the keys of id tokens
	Failures  guard.FailurePolicy // of wrong tries
	Commands  Commands
	Calls     *idempotency.Calls // honours Idempotency-Key; the public listener's, too
	IDs       *core.IDs
	Replies   Replies
	OptOuts   OptOuts
	Sentry    Sentry // the fraud guard; nil: the server has none
	Users     Users  // those with sessions
	// CheckCallback proves that a URL is an app's before it is set
	// (callback.Service.CheckURL).
	CheckCallback func(ctx context.Context, url string) error
	Providers     []provider.Provider

	Limiter  guard.Limiter
	Rules    guard.Rules // the installation's: auth_failed
	Subjects guard.Subjects

	Version  string
	Store    func() store.Stats
	Outbox   func() outbox.Stats
	Metrics  http.Handler
	Healthz  http.Handler
	Readyz   http.Handler
	Now      func() time.Time
	Random   io.Reader // for request ids
	Observer facade.Observer
}

type operator struct {
	Config
	token   tokenSum
	started time.Time
}

// New returns the handler of the operator's listener.
func New(c Config) (http.Handler, error) {
	if c.Token.IsZero() {
		return nil, core.E(core.KindInternal, "the operator API needs a token")
	}
	o := &operator{Config: c, token: sumOf(c.Token.Reveal()), started: c.Now().UTC()}
	native := http.NewServeMux()
	for path, handler := range map[string]http.Handler{"/metrics": c.Metrics, "/healthz": c.Healthz, "/readyz": c.Readyz} {
		if handler != nil {
			native.Handle("GET "+path, handler)
		}
	}
	handler, err := facade.New(facade.Config{
		Mounts: []facade.Mount{{Facade: &facade.Facade{Name: "operator", Owns: []string{"/admin/"}, Routes: o.routes(), Refuse: refuse}}},
		Native: native, Now: c.Now, Random: c.Random, Observer: c.Observer,
	})
	if err != nil {
		return nil, err
	}
	return withConnection(handler), nil
}

func (o *operator) routes() []facade.Route {
	routes := []facade.Route{
		{Name: "openapi", Method: http.MethodGet, Path: "/admin/openapi.yaml", Handle: o.openAPI},
		{Name: "status", Method: http.MethodGet, Path: "/admin/status", Handle: o.status},
		{Name: "tenant-list", Method: http.MethodGet, Path: "/admin/tenants", Handle: o.listTenants},
		{Name: "tenant-create", Method: http.MethodPost, Path: "/admin/tenants", Handle: o.createTenant},
		{Name: "tenant-show", Method: http.MethodGet, Path: "/admin/tenants/{tenant}", Handle: o.showTenant},
		{Name: "tenant-update", Method: http.MethodPatch, Path: "/admin/tenants/{tenant}", Handle: o.updateTenant},
		{Name: "tenant-credit-show", Method: http.MethodGet, Path: "/admin/tenants/{tenant}/credit", Handle: o.showTenantCredit},
		{Name: "tenant-credit-add", Method: http.MethodPost, Path: "/admin/tenants/{tenant}/credit", Handle: o.addTenantCredit},
		{Name: "app-list", Method: http.MethodGet, Path: "/admin/apps", Handle: o.listApps},
		{Name: "app-create", Method: http.MethodPost, Path: "/admin/apps", Handle: o.createApp},
		{Name: "app-show", Method: http.MethodGet, Path: "/admin/apps/{app}", Handle: o.showApp},
		{Name: "app-update", Method: http.MethodPatch, Path: "/admin/apps/{app}", Handle: o.updateApp},
		{Name: "app-rotate-key", Method: http.MethodPost, Path: "/admin/apps/{app}/rotate-key", Handle: o.rotateKey},
		{Name: "app-camara", Method: http.MethodPost, Path: "/admin/apps/{app}/camara", Handle: o.setCamara},
		{Name: "signing-key-rotate", Method: http.MethodPost, Path: "/admin/signing-key/rotate", Handle: o.rotateSigning},
		{Name: "app-rotate-submail", Method: http.MethodPost, Path: "/admin/apps/{app}/submail/rotate-key", Handle: o.rotateSubmail},
		{Name: "app-revoke-submail", Method: http.MethodPost, Path: "/admin/apps/{app}/submail/revoke", Handle: o.revokeSubmail},
		{Name: "app-rotate-jsms", Method: http.MethodPost, Path: "/admin/apps/{app}/jsms/rotate-key", Handle: o.rotateJSMS},
		{Name: "app-import-jsms", Method: http.MethodPost, Path: "/admin/apps/{app}/import/jsms", Handle: o.importJSMS},
		{Name: "app-import-submail", Method: http.MethodPost, Path: "/admin/apps/{app}/import/submail", Handle: o.importSubmail},
		{Name: "app-disable", Method: http.MethodPost, Path: "/admin/apps/{app}/disable", Handle: o.disableApp},
		{Name: "app-enable", Method: http.MethodPost, Path: "/admin/apps/{app}/enable", Handle: o.enableApp},
		{Name: "app-credit-show", Method: http.MethodGet, Path: "/admin/apps/{app}/credit", Handle: o.showAppCredit},
		{Name: "app-credit-add", Method: http.MethodPost, Path: "/admin/apps/{app}/credit", Handle: o.addAppCredit},
		{Name: "app-import-yunbox", Method: http.MethodPost, Path: "/admin/apps/{app}/import/yunbox", Handle: o.importYunbox},
		{Name: "number-show", Method: http.MethodPost, Path: "/admin/apps/{app}/number/show", Handle: o.showNumber},
		{Name: "number-unlock", Method: http.MethodPost, Path: "/admin/apps/{app}/number/unlock", Handle: o.unlockNumber},
		{Name: "keyring", Method: http.MethodGet, Path: "/admin/keyring", Handle: o.keyring},
		{Name: "keyring-rotate", Method: http.MethodPost, Path: "/admin/keyring/{kind}/rotate", Handle: o.rotateKeyring},
		{Name: "keyring-retire", Method: http.MethodPost, Path: "/admin/keyring/{kind}/retire", Handle: o.retireKeyring},
		{Name: "keyring-reseal", Method: http.MethodPost, Path: "/admin/keyring/reseal", Handle: o.resealKeyring},
		{Name: "ledger", Method: http.MethodGet, Path: "/admin/ledger", Handle: o.ledger},
		{Name: "provider-list", Method: http.MethodGet, Path: "/admin/providers", Handle: o.listProviders},
		{Name: "provider-test", Method: http.MethodPost, Path: "/admin/providers/{provider}/test", Handle: o.testProvider},
		{Name: "audit", Method: http.MethodGet, Path: "/admin/audit", Handle: o.audit},
	}
	routes = append(routes, o.oneAccessRoutes()...)
	routes = append(routes, o.messageRoutes()...)
	routes = append(routes, o.letterRoutes()...)
	routes = append(routes, o.guardRoutes()...)
	routes = append(routes, o.optOutRoutes()...)
	routes = append(routes, o.userRoutes()...)
	for i := range routes {
		routes[i].BodyCap = facade.BodyCap
		routes[i].Handle = o.authenticated(routes[i].Handle)
	}
	return routes
}

// by is who makes a change: there is one token, so the request is what tells
// changes apart.
func by(x *facade.Exchange) tenant.By {
	return tenant.By{Actor: "operator", Request: x.Event.RequestID}
}
