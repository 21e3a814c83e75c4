package simswap

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/carriersim"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/numberverify/operatorapi"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/tenant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var zhang = core.PhoneFromE164("+8613800138000")

func newKey(t *testing.T) (core.Secret, jwt.KeySet) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jwt.NewSigner("", key)
	if err != nil {
		t.Fatal(err)
	}
	return core.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))), jwt.PublicKeys(signer)
}

// operator is a server that says what the test wants, and keeps what it was
// asked.
type operator struct {
	*httptest.Server
	mu     sync.Mutex
	says   func(call int, body map[string]any) (status int, answer string)
	calls  []map[string]any
	paths  []string
	tokens []url.Values
}

func newOperator(t *testing.T) *operator {
	o := &operator{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if r.URL.Path == "/token" {
			_ = r.ParseForm()
			o.tokens = append(o.tokens, r.PostForm)
			_, _ = io.WriteString(w, `{"access_token":"8f00","token_type":"Bearer","expires_in":1800}`)
			return
		}
		var body map[string]any
		_ = json.NewDecoder(r.Body).Decode(&body)
		o.calls, o.paths = append(o.calls, body), append(o.paths, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		status, answer := o.says(len(o.calls), body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *operator) client(t *testing.T, now func() time.Time, edit func(*Config)) *Client {
	t.Helper()
	key, _ := newKey(t)
	cfg := Config{Operator: operatorapi.Config{URL: o.URL, TokenURL: o.URL + "/token", ClientID: "yanma", Key: key}, Timeout: 30 * time.Second}
	if edit != nil {
		edit(&cfg)
	}
	c, err := New(cfg, operatorapi.Deps{Now: now, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestReq27_Signals is the table of contracts/camara.md §6.
func TestReq27_Signals(t *testing.T) {
	now := time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		status int
		answer string
		dates  bool
		want   Signal
		calls  int
	}{
		{"swapped", 200, `{"swapped":true}`, false, Swapped, 1},
		{"not swapped", 200, `{"swapped":false}`, false, Clear, 1},
		{"within the age", 200, `{"latestSimChange":"2026-02-28T07:37:53.471829447Z"}`, true, Swapped, 1},
		{"exactly the age", 200, `{"latestSimChange":"2026-02-19T04:00:00Z"}`, true, Swapped, 1},
		{"older", 200, `{"latestSimChange":"2026-02-19T03:59:59.999Z"}`, true, Clear, 1},
		{"null", 200, `{"latestSimChange":null,"monitoredPeriod":120}`, true, Clear, 1},
		{"unknown number", 404, `{"status":404,"code":"IDENTIFIER_NOT_FOUND","message":""}`, false, Unsupported, 1},
		{"another operator's", 422, `{"status":422,"code":"SERVICE_NOT_APPLICABLE","message":""}`, false, Unsupported, 1},
		{"no such path", 404, `{"status":404,"code":"NOT_FOUND","message":""}`, false, Unknown, 1},
		{"401 twice", 401, `{"status":401,"code":"UNAUTHENTICATED","message":""}`, false, Unknown, 2},
		{"403", 403, `{"status":403,"code":"PERMISSION_DENIED","message":""}`, false, Unknown, 1},
		{"422 other", 422, `{"status":422,"code":"MISSING_IDENTIFIER","message":""}`, false, Unknown, 1},
		{"429", 429, `{"status":429,"code":"QUOTA_EXCEEDED","message":""}`, false, Unknown, 1},
		{"500", 500, `{"status":500,"code":"INTERNAL","message":""}`, false, Unknown, 1},
		{"503 of a proxy", 503, `<html>`, false, Unknown, 1},
		{"garbage", 200, `<html>`, false, Unknown, 1},
		{"half a body", 200, `{"swapped":`, false, Unknown, 1},
		{"no member", 200, `{}`, false, Unknown, 1},
		{"another type", 200, `{"swapped":"false"}`, false, Unknown, 1},
		{"no date", 200, `{}`, true, Unknown, 1},
		{"a date that is none", 200, `{"latestSimChange":"yesterday"}`, true, Unknown, 1},
		{"out of range, nothing known", 400, `{"status":400,"code":"OUT_OF_RANGE","message":""}`, false, Unknown, 1},
		{"400", 400, `{"status":400,"code":"INVALID_ARGUMENT","message":""}`, false, Unknown, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOperator(t)
			o.says = func(int, map[string]any) (int, string) { return c.status, c.answer }
			client := o.client(t, func() time.Time { return now }, func(cfg *Config) { cfg.Dates = c.dates })
			if have := client.Signal(t.Context(), zhang, 240); have != c.want || len(o.calls) != c.calls {
				t.Errorf("%s after %d calls, want %s after %d", have, len(o.calls), c.want, c.calls)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	o := newOperator(t)
	o.says = func(int, map[string]any) (int, string) { return 200, `{"swapped":false}` }
	o.client(t, time.Now, nil).Signal(t.Context(), zhang, 240)
	if len(o.calls) != 1 || o.paths[0] != "POST /sim-swap/v2/check Bearer 8f00" || o.calls[0]["phoneNumber"] != "+8613800138000" || o.calls[0]["maxAge"] != 240.0 {
		t.Errorf("%v %v", o.paths, o.calls)
	}
	if f := o.tokens[0]; f.Get("grant_type") != "client_credentials" || f.Get("scope") != "sim-swap:check" || f.Get("client_assertion") == "" ||
		f.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		t.Errorf("%v", f)
	}
	o.client(t, time.Now, func(c *Config) { c.Dates = true }).Signal(t.Context(), zhang, 240)
	if o.paths[1] != "POST /sim-swap/v2/retrieve-date Bearer 8f00" || len(o.calls[1]) != 1 || o.tokens[1].Get("scope") != "sim-swap:retrieve-date" {
		t.Errorf("%v %v %v", o.paths, o.calls, o.tokens[1])
	}
}

// TestReq27_AskedAgain: once after a 401 with a new token, once after
// OUT_OF_RANGE with the operator's longest age.
func TestReq27_AskedAgain(t *testing.T) {
	o := newOperator(t)
	o.says = func(call int, body map[string]any) (int, string) {
		switch {
		case call == 1:
			return 401, `{"code":"UNAUTHENTICATED"}`
		case body["maxAge"].(float64) > 120:
			return 400, `{"code":"OUT_OF_RANGE"}`
		}
		return 200, `{"swapped":true}`
	}
	if have := o.client(t, time.Now, func(c *Config) { c.Largest = 120 }).Signal(t.Context(), zhang, 240); have != Swapped {
		t.Error(have)
	}
	if len(o.calls) != 3 || o.calls[2]["maxAge"] != 120.0 || len(o.tokens) != 2 {
		t.Errorf("%d calls, %d tokens", len(o.calls), len(o.tokens))
	}
	o = newOperator(t)
	o.says = func(int, map[string]any) (int, string) { return 400, `{"code":"OUT_OF_RANGE"}` }
	if have := o.client(t, time.Now, func(c *Config) { c.Largest = 120 }).Signal(t.Context(), zhang, 240); have != Unknown || len(o.calls) != 2 {
		t.Errorf("%s after %d calls", have, len(o.calls))
	}
}

// TestRemembered: ten minutes by number and age; not knowing is asked again.
func TestRemembered(t *testing.T) {
	o := newOperator(t)
	answer := `{"swapped":true}`
	o.says = func(int, map[string]any) (int, string) { return 200, answer }
	now := time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
	c := o.client(t, func() time.Time { return now }, nil)
	ask := func(hours, calls int, want Signal) {
		t.Helper()
		if have := c.Signal(t.Context(), zhang, hours); have != want || len(o.calls) != calls {
			t.Errorf("%s after %d calls, want %s after %d", have, len(o.calls), want, calls)
		}
	}
	ask(240, 1, Swapped)
	answer = `{"swapped":false}`
	now = now.Add(10*time.Minute - 1)
	ask(240, 1, Swapped)
	ask(24, 2, Clear)
	now = now.Add(1)
	ask(240, 3, Clear)
	answer = `{}`
	now = now.Add(time.Hour)
	ask(240, 4, Unknown)
	ask(240, 5, Unknown)
	if len(o.tokens) != 2 { // the first one's 1,800 s were over
		t.Errorf("%d tokens", len(o.tokens))
	}
}

// TestReq27_SilentOperator: one second at most, and after ten of them nobody waits.
func TestReq27_SilentOperator(t *testing.T) {
	silent := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-silent:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(silent)
	o := &operator{Server: server}
	now := time.Now()
	c := o.client(t, func() time.Time { return now }, func(c *Config) { c.Timeout = 20 * time.Millisecond })
	for range 11 {
		if have := c.Signal(t.Context(), zhang, 240); have != Unknown {
			t.Error(have)
		}
	}
	if c.breaker.Ready() {
		t.Error("the operator is still asked")
	}
	if DefaultTimeout != time.Second {
		t.Error("contracts/camara.md §6: 1 s")
	}
}

// TestOddNumbersAreNoFailure: what an operator says of one number does not keep
// it from being asked about others, and its own faults do.
func TestOddNumbersAreNoFailure(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		trips  bool
	}{
		{400, "INVALID_ARGUMENT", false}, {400, "OUT_OF_RANGE", false}, {404, "NOT_FOUND", false}, {422, "IDENTIFIER_MISMATCH", false},
		{401, "UNAUTHENTICATED", true}, {403, "PERMISSION_DENIED", true}, {429, "TOO_MANY_REQUESTS", true}, {500, "INTERNAL", true}, {200, "", true},
	} {
		o := newOperator(t)
		o.says = func(int, map[string]any) (int, string) { return c.status, `{"code":"` + c.code + `"}` }
		now := time.Now()
		client := o.client(t, func() time.Time { return now }, nil)
		for range 10 {
			if have := client.Signal(t.Context(), zhang, 240); have != Unknown {
				t.Errorf("%d %s: %s", c.status, c.code, have)
			}
		}
		if client.breaker.Ready() == c.trips {
			t.Errorf("%d %s: trips %v", c.status, c.code, !c.trips)
		}
	}
}

// TestCallerHangsUp: the operator is asked all the same, and is not blamed.
func TestCallerHangsUp(t *testing.T) {
	o := newOperator(t)
	o.says = func(int, map[string]any) (int, string) { return 200, `{"swapped":true}` }
	ctx, gone := context.WithCancel(t.Context())
	gone()
	if have := o.client(t, time.Now, nil).Signal(ctx, zhang, 240); have != Swapped {
		t.Error(have)
	}
}

func TestAgainstTheSimulator(t *testing.T) {
	key, public := newKey(t)
	sim := carriersim.New(carriersim.Options{Camara: carriersim.Camara{ClientID: "yanma", Keys: public}, Now: time.Now, Random: rand.Reader})
	server := httptest.NewServer(sim)
	defer server.Close()
	base := server.URL + "/sim/camara"
	for _, dates := range []bool{false, true} {
		for body, want := range map[string]Signal{
			`{"number":"+8613800138000","outcome":"swapped","hours_ago":239}`: Swapped, `{"number":"+8613800138000","outcome":"swapped","hours_ago":241}`: Clear,
			`{"number":"+8613800138000","outcome":"clear"}`: Clear, `{"number":"+8613800138000","outcome":"404"}`: Unsupported,
			`{"number":"+8613800138000","outcome":"422"}`: Unsupported, `{"number":"+8613800138000","outcome":"500"}`: Unknown,
			`{"number":"+8613800138000","outcome":"drop"}`: Unknown, `{"number":"+8613800138000","outcome":"garbage"}`: Unknown,
			`{"number":"+8613900139000","outcome":"swapped"}`: Clear,
		} {
			r, err := http.Post(server.URL+"/sim/reset", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = r.Body.Close()
			if r, err = http.Post(server.URL+"/sim/simswap", "application/json", strings.NewReader(body)); err != nil || r.StatusCode != http.StatusNoContent {
				t.Fatal(err, r.StatusCode)
			}
			_ = r.Body.Close()
			c, err := New(Config{Operator: operatorapi.Config{URL: base, TokenURL: base + "/oauth2/token", ClientID: "yanma", Key: key}, Dates: dates, Timeout: 30 * time.Second},
				operatorapi.Deps{Now: time.Now, Random: rand.Reader})
			if err != nil {
				t.Fatal(err)
			}
			if have := c.Signal(t.Context(), zhang, 240); have != want {
				t.Errorf("%s: %s, want %s", body, have, want)
			}
			c.Close()
		}
	}
}

// fixed is an operator that says one thing.
type fixed struct {
	signal Signal
	asked  int
}

func (f *fixed) Signal(context.Context, core.Phone, int) Signal { f.asked++; return f.signal }

// TestReq27_Policy: every policy with every signal; nothing passes in silence
// that is required, also when there is nobody to ask.
func TestReq27_Policy(t *testing.T) {
	for _, c := range []struct {
		policy      tenant.SIMSwapPolicy
		signal      Signal
		unsupported string
		challenged  bool
		refused     bool
	}{
		{tenant.SIMSwapOff, Swapped, "allow", false, false},
		{tenant.SIMSwapObserve, Swapped, "allow", false, false}, {tenant.SIMSwapObserve, Unknown, "refuse", false, false},
		{tenant.SIMSwapChallenge, Swapped, "allow", false, true}, {tenant.SIMSwapChallenge, Swapped, "allow", true, false},
		{tenant.SIMSwapChallenge, Unknown, "allow", false, false}, {tenant.SIMSwapChallenge, Unknown, "allow", true, false}, {tenant.SIMSwapChallenge, Clear, "allow", false, false},
		{tenant.SIMSwapRequire, Clear, "refuse", false, false}, {tenant.SIMSwapRequire, Swapped, "allow", false, true},
		{tenant.SIMSwapRequire, Swapped, "allow", true, true}, {tenant.SIMSwapRequire, Unknown, "allow", false, true},
		{tenant.SIMSwapRequire, Unknown, "allow", true, true},
		{tenant.SIMSwapRequire, Unsupported, "allow", false, false}, {tenant.SIMSwapRequire, Unsupported, "refuse", false, true},
	} {
		for _, action := range []Action{ActionSend, ActionLogin, ActionNumberChange} {
			settings := tenant.DefaultSIMSwap()
			settings.Unsupported = c.unsupported
			*map[Action]*tenant.SIMSwapPolicy{ActionSend: &settings.Send, ActionLogin: &settings.Login, ActionNumberChange: &settings.NumberChange}[action] = c.policy
			app := &tenant.App{ID: 1, SIMSwap: settings}
			o := &fixed{signal: c.signal}
			g := NewGuard(o, slog.New(slog.DiscardHandler))
			err := g.Allow(t.Context(), app, action, zhang, c.challenged)
			// Not knowing asks for a challenge where a number is changed.
			careful := c.policy == tenant.SIMSwapChallenge && action == ActionNumberChange && !c.challenged
			// A code to the changed SIM is no challenge that was met.
			met := c.policy == tenant.SIMSwapChallenge && c.signal == Swapped && action == ActionSend && c.challenged
			refused := c.refused || careful && c.signal == Unknown || c.policy == tenant.SIMSwapChallenge && c.signal == Swapped && !met
			var refusal *core.Error
			if (err != nil) != refused || err != nil && (!errors.As(err, &refusal) || refusal.Kind != core.KindLocked || refusal.Field != Field || refusal.RetryAfter <= 0) {
				t.Errorf("%s %s with %s (unsupported: %s, challenged: %v): %v", c.policy, action, c.signal, c.unsupported, c.challenged, err)
			}
			if asked := o.asked > 0; asked == (c.policy == tenant.SIMSwapOff) {
				t.Errorf("%s: asked %v", c.policy, asked)
			}
			for _, other := range []Action{ActionSend, ActionLogin, ActionNumberChange} {
				if other != action && g.Allow(t.Context(), app, other, zhang, false) != nil {
					t.Errorf("the policy of %s holds for %s", action, other)
				}
			}
			err = NewGuard(nil, slog.New(slog.DiscardHandler)).Allow(t.Context(), app, action, zhang, c.challenged)
			if (err != nil) != (careful || c.policy == tenant.SIMSwapRequire) {
				t.Errorf("%s without anybody to ask: %v", c.policy, err)
			}
		}
	}
}
