package tenant

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// SetOneAccess changes an app's client of the oneaccess dialect, or makes it
// with the defaults. It shows a secret only when one was drawn. KindBadField for
// a member, KindNotFound for the app, KindConflict for a client id that another
// app has.
func (a *Admin) SetOneAccess(ctx context.Context, by By, id core.AppID, p OneAccessPatch) (AppView, core.Secret, error) {
	var secret core.Secret
	if p.NewSecret {
		var err error
		if secret, err = newKey(a.random); err != nil {
			return AppView{}, core.Secret{}, classified(err)
		}
	}
	view, err := a.setOneAccess(ctx, by, id, p, secret)
	if err != nil {
		return AppView{}, core.Secret{}, err
	}
	return view, secret, nil
}

// setOneAccess takes the secret to give; the zero Secret leaves those that there
// are.
func (a *Admin) setOneAccess(ctx context.Context, by By, id core.AppID, p OneAccessPatch, secret core.Secret) (AppView, error) {
	return a.changeApp(ctx, by, "app.set_oneaccess", id, func(ctx context.Context, q store.SQL, row *records.App) error {
		client, err := a.patchOneAccess(ctx, q, row, p)
		if err != nil || secret.IsZero() {
			return err
		}
		if client.TemplateOf != 0 {
			return bad("new_secret", "a subscription has its template's")
		}
		return a.replaceOneAccessSecret(ctx, q, row, client.ClientID, secret)
	})
}

// patchOneAccess puts the patched settings into the row.
func (a *Admin) patchOneAccess(ctx context.Context, q store.SQL, row *records.App, p OneAccessPatch) (OneAccessSettings, error) {
	settings, _, err := a.settingsOf(*row)
	if err != nil {
		return OneAccessSettings{}, err
	}
	client, isNew := DefaultOneAccess(), settings.OneAccess == nil
	if !isNew {
		client = *settings.OneAccess
	} else if client.ClientID, err = drawText(a.random, keyLength, keyAlphabet); err != nil {
		return client, err
	}
	if err := p.applyTo(&client, isNew); err != nil {
		return client, err
	}
	if _, err := client.build(); err != nil {
		return client, err
	}
	if isNew {
		if err := a.oneAccessIDIsFree(ctx, q, row.ID, client.ClientID); err != nil {
			return client, err
		}
	}
	if isNew || !reflect.DeepEqual(*settings.OneAccess, client) {
		settings.OneAccess = &client
		row.Settings, err = settings.encode()
	}
	return client, err
}

// replaceOneAccessSecret gives the client a secret, after which older ones end.
// The row counts as changed: the change is in the audit.
func (a *Admin) replaceOneAccessSecret(ctx context.Context, q store.SQL, row *records.App, clientID string, secret core.Secret) error {
	added, err := a.insertKey(ctx, q, row.ID, DialectOneaccess, clientKey(clientID, secret.Reveal()))
	if err != nil {
		return err
	}
	_, err = records.LimitCredentials(ctx, q, row.ID, string(DialectOneaccess), added, store.At(a.now()))
	row.Updated = store.At(a.now()) // even where nothing else changed
	return err
}

func (a *Admin) oneAccessIDIsFree(ctx context.Context, q store.SQL, id core.AppID, clientID string) error {
	return a.eachApp(ctx, q, func(row records.App, s Settings) error {
		if row.ID != id && s.OneAccess != nil && s.OneAccess.ClientID == clientID {
			return core.E(core.KindConflict, "another app has the client id")
		}
		return nil
	})
}

// eachApp reads all: apps are few, and this is no request of theirs.
func (a *Admin) eachApp(ctx context.Context, q store.SQL, f func(records.App, Settings) error) error {
	rows, err := records.Apps(ctx, q)
	if err != nil {
		return err
	}
	for _, row := range rows {
		settings, err := decodeSettings(row.Settings)
		if err != nil {
			return fmt.Errorf("app %d: %w", row.ID, err)
		}
		if err := f(row, settings); err != nil {
			return err
		}
	}
	return nil
}

// Subscription is a tenant that subscribes to an ISV app.
type Subscription struct {
	Tenant core.TenantID `json:"tenant"`
	Name   string        `json:"name"` // of the app that it gets; "" = the template's
}

// Subscribe gives a tenant an app of its own behind an ISV app's client id
// (contracts/oneaccess.md §8.6): its own users, balance, signature and settings,
// which begin as the template's are. It is changed and disabled as any app is.
// KindNotFound for the template or the tenant, KindBadField for an app that is no
// template, KindConflict for a tenant that has subscribed, or has an app of the
// name.
func (a *Admin) Subscribe(ctx context.Context, by By, template core.AppID, s Subscription) (AppView, error) {
	var view AppView
	err := a.change(ctx, func(q store.SQL) error {
		of, settings, err := a.templateRow(ctx, q, template)
		if err != nil {
			return err
		}
		if err := a.notSubscribed(ctx, q, of, s.Tenant); err != nil {
			return err
		}
		name := s.Name
		if name == "" {
			name = of.Name
		}
		own := subscriptionOf(template, settings)
		if err := a.check(name, own, nil); err != nil {
			return err
		}
		row, err := a.newRow(ctx, q, Spec{Tenant: s.Tenant, Name: name}, own, nil)
		if err != nil {
			return err
		}
		if err := records.InsertApp(ctx, q, row); err != nil {
			return err
		}
		if view, err = a.viewOf(ctx, q, row); err != nil {
			return err
		}
		return a.audit(ctx, q, by, "app.subscribe", appObject(row.ID), nil, view)
	})
	return view, err
}

// subscriptionOf is the template's settings without what is the template's own.
func subscriptionOf(template core.AppID, s Settings) Settings {
	client := *s.OneAccess
	client.ClientID, client.ISV, client.TemplateOf = "", false, template
	s.OneAccess = &client
	s.Dialects, s.Camara = []Dialect{DialectOneaccess}, nil
	s.CallbackURL, s.AllowedSources = "", nil
	s.TenantPays = true // contracts/oneaccess.md §8.6: the subscriber's balance
	return s
}

func (a *Admin) templateRow(ctx context.Context, q store.SQL, id core.AppID) (records.App, Settings, error) {
	row, err := appByID(ctx, q, id)
	if err != nil {
		return row, Settings{}, err
	}
	settings, _, err := a.settingsOf(row)
	if err == nil && (settings.OneAccess == nil || !settings.OneAccess.ISV) {
		err = bad("app", "it is no ISV app")
	}
	return row, settings, err
}

func (a *Admin) notSubscribed(ctx context.Context, q store.SQL, template records.App, tenant core.TenantID) error {
	if template.Tenant == tenant {
		return core.E(core.KindConflict, "the tenant owns the app")
	}
	return a.eachApp(ctx, q, func(row records.App, s Settings) error {
		if row.Tenant == tenant && s.OneAccess != nil && s.OneAccess.TemplateOf == template.ID {
			return core.E(core.KindConflict, "the tenant has subscribed")
		}
		return nil
	})
}

// oneAccessClients are the clients of the dialect in a snapshot.
type oneAccessClients struct {
	byID          map[string]*App // by client id: ordinary apps and templates
	subscriptions map[subscriptionKey]*App
	hosts         map[string]core.TenantID // lower case
	first         map[core.TenantID]string // of its hosts
}

type subscriptionKey struct {
	template core.AppID
	tenantID string // X-tenant-id
}

// addOneAccess completes the apps of the dialect: what of a client is not in the
// app's own row. It is called when all apps are there.
func (s *snapshot) addOneAccess(tenants map[core.TenantID]records.Tenant) {
	s.oneAccess = oneAccessClients{byID: map[string]*App{}, subscriptions: map[subscriptionKey]*App{}, hosts: map[string]core.TenantID{},
		first: map[core.TenantID]string{}}
	for _, t := range tenants {
		for i, host := range hostsOf(t) {
			s.oneAccess.hosts[host] = t.ID
			if i == 0 {
				s.oneAccess.first[t.ID] = host
			}
		}
	}
	for _, app := range s.apps {
		client := app.OneAccess
		if client == nil {
			continue
		}
		client.TenantID, client.Keys = tenants[app.Tenant].PublicID, app.ID
		client.Host, _, _ = strings.Cut(tenants[app.Tenant].Hosts, ",")
		if client.TemplateOf == 0 {
			s.oneAccess.byID[client.ClientID] = app
		}
	}
	for _, app := range s.apps {
		if client := app.OneAccess; client != nil && client.TemplateOf != 0 {
			if template := s.byID[client.TemplateOf]; template != nil && template.OneAccess != nil {
				client.ClientID, client.Keys = template.OneAccess.ClientID, template.ID
				s.oneAccess.subscriptions[subscriptionKey{template.ID, client.TenantID}] = app
			}
		}
	}
}

// OneAccessApp is the app that a call of the dialect is for, by X-client-id,
// X-tenant-id ("" = it did not come) and the request's host without port
// (contracts/oneaccess.md §1.3 rows 3 and 4, §8.6). KindUnauthenticated: nobody's
// client, one that is disabled or may not use the dialect, a tenant that has not
// subscribed or is not the app's, or that the host is not mapped to.
// KindMissingField: an ISV app was called without a tenant.
func (d *Directory) OneAccessApp(clientID, tenantID, host string) (*App, error) {
	clients := &d.current.Load().oneAccess
	app := clients.byID[clientID]
	switch {
	case app == nil || !app.open():
		return nil, core.E(core.KindUnauthenticated, "no client of that id")
	case app.OneAccess.ISV && tenantID == "":
		return nil, core.Field(core.KindMissingField, HeaderTenantID)
	case app.OneAccess.ISV && tenantID != app.OneAccess.TenantID:
		app = clients.subscriptions[subscriptionKey{app.ID, tenantID}]
		if app == nil || !app.open() {
			return nil, core.E(core.KindUnauthenticated, "the tenant has not subscribed")
		}
	case tenantID != "" && tenantID != app.OneAccess.TenantID:
		return nil, core.E(core.KindUnauthenticated, "the client is another tenant's")
	}
	if len(clients.hosts) > 0 {
		if of, mapped := clients.hosts[strings.ToLower(host)]; mapped && of != app.Tenant {
			return nil, core.E(core.KindUnauthenticated, "the host is another tenant's")
		}
	}
	return app, nil
}

// HeaderTenantID is the header that names the tenant in calls of ISV apps.
const HeaderTenantID = "X-tenant-id"

// OneAccessHost is the first host name of the tenant that a host is mapped to: the
// one that its tokens' issuer has. "" when it is mapped to none.
func (d *Directory) OneAccessHost(host string) string {
	clients := &d.current.Load().oneAccess
	return clients.first[clients.hosts[strings.ToLower(host)]]
}

// open tells whether the app may be called in the dialect.
func (a *App) open() bool {
	return !a.Disabled && !a.AccountDisabled && a.Uses(DialectOneaccess)
}

// OneAccessClient is the app, an ISV template too, whose backend authenticates
// with the client's secret (contracts/oneaccess.md §8.1). Whatever is wrong takes
// the same work (contracts/README.md §3.3).
func (d *Directory) OneAccessClient(clientID, secret string) (*App, bool) {
	key := clientKey(clientID, secret)
	app, ok := d.appByKey(DialectOneaccess, key.Reveal(), longestClientKey)
	if !ok || app.OneAccess == nil || app.OneAccess.ClientID != clientID || app.OneAccess.TemplateOf != 0 {
		return nil, false
	}
	return app, true
}

// longestClientKey is a client id, a colon and a secret that was issued elsewhere.
const longestClientKey = longestClientID + 1 + longestKey

// OneAccessKeys lists the apps whose RSA keys are published together
// (contracts/oneaccess.md §8.3): that of a client id; without one, those of the
// tenant that the host is mapped to; of a host that is mapped to none, those of
// all tenants. common tells that these are several: keys that were issued
// elsewhere do not belong there, since who has the private half could sign for
// another tenant's client. ok is false for a client id that is nobody's on this
// host.
func (d *Directory) OneAccessKeys(clientID, host string) (apps []core.AppID, common, ok bool) {
	s := d.current.Load()
	of, mapped := s.oneAccess.hosts[strings.ToLower(host)]
	if clientID != "" {
		app := s.oneAccess.byID[clientID]
		if app == nil || mapped && of != app.Tenant && !s.subscribes(app.ID, of) {
			return nil, false, false
		}
		return []core.AppID{app.ID}, false, true
	}
	first := core.TenantID(0)
	for _, app := range s.apps {
		if app.OneAccess == nil || app.OneAccess.ClientID == "" || mapped && app.Tenant != of {
			continue
		}
		if first == 0 {
			first = app.Tenant
		}
		common = common || app.Tenant != first
		if !slices.Contains(apps, app.OneAccess.Keys) {
			apps = append(apps, app.OneAccess.Keys)
		}
	}
	return apps, common, true
}

// subscribes tells whether a tenant has subscribed to a template.
func (s *snapshot) subscribes(template core.AppID, of core.TenantID) bool {
	return slices.ContainsFunc(s.apps, func(app *App) bool {
		return app.Tenant == of && app.OneAccess != nil && app.OneAccess.TemplateOf == template
	})
}

// EnsureOneAccess lets an app use the dialect, with a client and a secret that are
// known from elsewhere: those that `yanma dev` wrote down. A client that the app
// has keeps what an operator set of it, but for what the patch says.
func (a *Admin) EnsureOneAccess(ctx context.Context, by By, id core.AppID, secret core.Secret, p OneAccessPatch) error {
	if err := a.EnsureDialect(ctx, by, id, DialectOneaccess); err != nil {
		return err
	}
	if app, ok := a.directory.OneAccessClient(*p.ClientID, secret.Reveal()); ok && app.ID == id {
		secret = core.Secret{} // it has it
	}
	_, err := a.setOneAccess(ctx, by, id, p, secret)
	return err
}
