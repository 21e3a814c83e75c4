package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/carriersim"
	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade/camara/camaratest"
	"yanma.dev/yanma/internal/facade/facadetest"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/tenant"
)

// TestReq43_CamaraThroughTheWholeServer runs the exchanges of the open API
// against the server as it is wired: the public listener, SQLite, an SMSC from
// whose PDUs the codes are read, and the simulated carriers. Every request and
// answer is held to the OpenAPI files.
func TestReq43_CamaraThroughTheWholeServer(t *testing.T) {
	api := camaratest.New(t, "../facade/camara/openapi")
	facadetest.Run(t, facadetest.Camara("../facade/camara/testdata/*.txtar", func(t *testing.T) facadetest.Env { return startCamara(t) }, api.Check))
}

// openWhole is a whole server with an OAuth client for each app.
type openWhole struct {
	*whole
	sim     *httptest.Server
	clients [2]string
	secrets [2]string
	signers [2]*ecdsa.PrivateKey
	serial  int
	last    string // proof that was made
}

func startCamara(t *testing.T) *openWhole {
	t.Helper()
	w := &openWhole{whole: startWhole(t)}
	options := carriersim.Options{AppID: "300000000001", AppKey: core.NewSecret("a key of the app"), AppSecret: core.NewSecret("a secret of the app"),
		Now: w.clock.Now, Random: rand.Reader}
	w.sim = httptest.NewServer(carriersim.New(options))
	t.Cleanup(w.sim.Close)
	w.simulated = true
	w.config.Carriers = []config.Carrier{{Name: "carrier", Type: "chinamobile", URL: w.sim.URL + "/sim", AppID: options.AppID,
		AppKey: config.Secret{Secret: options.AppKey}, AppSecret: config.Secret{Secret: options.AppSecret}}}
	w.config.Server.EnrichmentHeader = "X-MSISDN"
	w.config.Server.EnrichmentProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	w.reopen(t)
	for i := range w.ids {
		w.makeClient(t, i)
	}
	return w
}

// makeClient gives an app a client with everything.
func (w *openWhole) makeClient(t *testing.T, i int) {
	t.Helper()
	dialects := []tenant.Dialect{tenant.DialectYunbox, tenant.DialectCamara}
	_, err := w.admin.UpdateApp(t.Context(), operatorOfTests, w.ids[i], tenant.Patch{Dialects: &dialects})
	ok(t, err)
	w.signers[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, err)
	signer, err := jwt.NewSigner("k1", w.signers[i])
	ok(t, err)
	set, err := jwt.PublicKeys(signer).MarshalJSON()
	ok(t, err)
	redirects, on := []string{"https://app.example.com/cb", "https://app.example.com/cb?x=1"}, true
	view, secret, err := w.admin.SetCamara(t.Context(), operatorOfTests, w.ids[i],
		tenant.CamaraPatch{RedirectURIs: &redirects, SecretAuth: &on, JWKS: set, NewSecret: true})
	ok(t, err)
	w.clients[i], w.secrets[i] = view.Settings.Camara.ClientID, secret.Reveal()
}

// Value knows the clients, signs for them, and gets proofs of the carrier.
func (w *openWhole) Value(name string, args []string) (string, bool) {
	i := 0
	if rest, ok := strings.CutPrefix(name, "other_"); ok {
		name, i = rest, 1
	}
	switch name {
	case "client_id":
		return w.clients[i], true
	case "basic":
		return base64.StdEncoding.EncodeToString([]byte(w.clients[i] + ":" + w.secrets[i])), true
	case "assertion":
		return w.signed(i, args, map[string]any{"aud": w.issuer() + oauth.PathToken, "sub": w.clients[i]}), true
	case "bearer":
		return w.signed(i, args, map[string]any{"aud": w.issuer() + oauth.PathToken}), true
	case "object":
		return w.signed(i, args, map[string]any{"aud": w.issuer()}), true
	case "issuer_escaped":
		return url.QueryEscape(w.issuer()), true
	case "issuer":
		return w.issuer(), true
	case "proof":
		return w.proof(args)
	case "code":
		if len(args) == 0 {
			return "{{code}}", true
		}
	}
	return w.whole.Value(name, args)
}

// signed is a token of a client, with changes.
func (w *openWhole) signed(i int, changes []string, claims map[string]any) string {
	now := w.clock.Now().Unix()
	w.serial++
	claims["iss"], claims["jti"], claims["iat"], claims["exp"] = w.clients[i], fmt.Sprint("jti ", w.serial), now, now+60
	kid, typ, key := "k1", "JWT", w.signers[i]
	for _, change := range changes {
		name, value, _ := strings.Cut(change, "=")
		value = strings.ReplaceAll(value, "+", " ")
		seconds, _ := strconv.ParseInt(value, 10, 64)
		switch {
		case name == "kid":
			kid = value
		case name == "typ":
			typ = value
		case name == "key": // another's
			key = w.signers[1-i]
		case value == "-":
			delete(claims, name)
		case name == "aud" && value == "issuer":
			claims[name] = w.issuer()
		case name == "sub" && value == "again":
			claims[name] = "operatortoken:" + w.last
		case name == "sub" && strings.HasPrefix(value, "proof:"):
			proof, _ := w.proof(strings.Split(value, ":")[1:])
			claims[name] = "operatortoken:" + proof
		case name == "exp" || name == "iat" || name == "nbf":
			claims[name] = now + seconds
		case name == "sub" && value == "other", name == "iss" && value == "other":
			claims[name] = w.clients[1-i]
		default:
			claims[name] = value
		}
	}
	signer, err := jwt.NewSigner(kid, key)
	if err != nil {
		return err.Error()
	}
	text, err := signer.Sign(typ, claims)
	if err != nil {
		return err.Error()
	}
	return text
}

// proof is what a phone on its cellular network gets: number, and perhaps the
// outcome of asking with it and its carrier.
func (w *openWhole) proof(args []string) (string, bool) {
	ask := map[string]any{"carrier": 1, "number": args[0]}
	for _, arg := range args[1:] {
		if n, err := strconv.Atoi(arg); err == nil {
			ask["carrier"] = n
		} else {
			ask["outcome"] = arg
		}
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return "", false
	}
	r, err := http.Post(w.sim.URL+"/sim/carrier/token", "application/json", strings.NewReader(string(body)))
	if err != nil {
		return "", false
	}
	defer r.Body.Close()
	var made struct{ Token string }
	err = json.NewDecoder(r.Body).Decode(&made)
	w.last = made.Token
	return made.Token, err == nil && made.Token != ""
}

// Do carries out what the exchanges ask for.
func (w *openWhole) Do(t *testing.T, directive string, args []string) {
	t.Helper()
	on := args[0] == "on"
	switch directive {
	case "verify-price":
		w.patch(t, tenant.Patch{VerifyPrice: tenant.PriceOf(amount(t, args[0]))})
	case "fetch-price":
		w.patch(t, tenant.Patch{FetchPrice: tenant.PriceOf(amount(t, args[0]))})
	case "limits":
		w.config.Limits.Off = !on
		w.reopen(t)
	case "providers":
		w.config.Providers = nil
		w.reopen(t)
	case "carriers":
		w.sim.Close()
	case "deny":
		app, _ := w.directory.App(w.ids[0])
		_, err := w.admin.UpdateTenant(t.Context(), operatorOfTests, app.Tenant, tenant.TenantPatch{Denied: &args})
		ok(t, err)
	case "limit":
		w.patch(t, tenant.Patch{Limits: &tenant.Limits{"number_checks": args}})
	case "client":
		w.setClient(t, args[0], args[1:])
	case "sent":
		w.sent(t, args[0], strings.Join(args[1:], " "))
	default:
		w.whole.Do(t, directive, args)
	}
}

// setClient changes one setting of the first app's client.
func (w *openWhole) setClient(t *testing.T, field string, args []string) {
	t.Helper()
	on := args[0] == "on"
	var p tenant.CamaraPatch
	switch field {
	case "secret_auth":
		p.SecretAuth = &on
	case "strict_profile":
		p.StrictProfile = &on
	case "require_purpose":
		p.RequirePurpose = &on
	case "scopes":
		p.Scopes = &args
	default:
		t.Fatalf("client %s: there is no such directive", field)
	}
	_, _, err := w.admin.SetCamara(t.Context(), operatorOfTests, w.ids[0], p)
	ok(t, err)
}

// sent compares a number's newest message with a text, in which <code> is its
// code.
func (w *openWhole) sent(t *testing.T, number, want string) {
	t.Helper()
	w.delivered()
	code, _ := w.phones.Value("code", []string{number})
	want = strings.ReplaceAll(want, "<code>", code)
	if got := w.phones.Newest(number); got != want {
		t.Fatalf("%s got %q, want %q", number, got, want)
	}
}
