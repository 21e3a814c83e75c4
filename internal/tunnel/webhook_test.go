package tunnel

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
)

// gateway is a back end that writes down what it is told and then answers.
type gateway struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	heads  []http.Header
	answer http.HandlerFunc
}

func newGateway(t *testing.T, answer http.HandlerFunc) *gateway {
	g := &gateway{answer: answer}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		g.mu.Lock()
		g.bodies, g.heads = append(g.bodies, string(body)), append(g.heads, r.Header)
		answer := g.answer
		g.mu.Unlock()
		if r.Method != http.MethodPost {
			t.Errorf("method %s", r.Method)
		}
		answer(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) told() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.bodies...)
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// cutAfterActing is the fault "it happened but the answer was lost".
func cutAfterActing(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestWebhookRecordOfAUser(t *testing.T) {
	g := newGateway(t, status(200, ""))
	w := newWorld(t, webhookConfig(g.URL))
	if !w.Outside() {
		t.Error("a webhook is outside")
	}
	number, err := w.ProvisionUser(t.Context(), UserNetwork{Tenant: 7, App: 8, User: 11, UserText: "yb014d2pf2dbsqqzxq5tk1v58cgg"})
	if err != nil || number != 257 {
		t.Fatal(number, err)
	}
	want := `{"event":"user","id":"user-257-yb014d2pf2dbsqqzxq5tk1v58cgg","sent_at":"2026-03-01T12:00:00Z","tenant":7,"app":8,` +
		`"user":"yb014d2pf2dbsqqzxq5tk1v58cgg","test":false,"network":{"number":257,"ipv4":"10.0.128.0/25","ipv6":"fd77:7961:6e00:100::/64"}}`
	if got := g.told(); len(got) != 1 || got[0] != want {
		t.Errorf("told %s\nwant %s", got, want)
	}
	h := g.heads[0]
	if h.Get("Idempotency-Key") != "user-257-yb014d2pf2dbsqqzxq5tk1v58cgg" || h.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", h)
	}
	if got, want := h.Get("Yanma-Signature"), sign(core.NewSecret("a secret of the test"), 1772366400, []byte(want)); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

// Computed with: printf '1772366400.{}' | openssl dgst -sha256 -hmac 'a secret of the test'
func TestSignatureVector(t *testing.T) {
	want := "t=1772366400,v1=1632e171cd84b8410f4d5fa53fc3f0975a1c55ba4cc4e057bd10ba37d677534a"
	if got := sign(core.NewSecret("a secret of the test"), 1772366400, []byte("{}")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWebhookRecordOfADevice(t *testing.T) {
	g := newGateway(t, status(204, ""))
	w := newWorld(t, webhookConfig(g.URL))
	w.commitUser(11, 0, false)
	peer := w.addDevice(w.Service, 11, 1001)
	device := DeviceRecord{Tenant: 1, App: 8, UserText: "yb1", DeviceText: "dv00041061050r3gg28a1c60t3gf"}
	if err := w.AnnounceDevice(t.Context(), device, peer); err != nil {
		t.Fatal(err)
	}
	c, err := w.Config(t.Context(), 1001, "")
	if err != nil {
		t.Fatal(err)
	}
	body := g.told()[0]
	if strings.Contains(body, c.PrivateKey.Reveal()) {
		t.Error("the gateway was told the private key")
	}
	var r struct {
		Event, ID string
		Network   struct{ Number int64 }
		Device    struct {
			ID           string
			Addresses    []string
			PublicKey    string `json:"public_key"`
			PresharedKey string `json:"preshared_key"`
		}
	}
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatal(err)
	}
	if r.Event != "device" || r.ID != "device-dv00041061050r3gg28a1c60t3gf" || r.Network.Number != 257 ||
		r.Device.ID != "dv00041061050r3gg28a1c60t3gf" || r.Device.PresharedKey != c.PresharedKey.Reveal() || len(r.Device.PublicKey) != 44 ||
		len(r.Device.Addresses) != 2 || r.Device.Addresses[0] != "10.0.128.2/32" || r.Device.Addresses[1] != "fd77:7961:6e00:100::2/128" {
		t.Errorf("told %s", body)
	}
	if err := w.RetractDevice(t.Context(), device); err != nil {
		t.Fatal(err)
	}
	if got := g.told()[1]; !strings.Contains(got, `"event":"device_removed"`) || !strings.Contains(got, `"device":{"id":"dv00041061050r3gg28a1c60t3gf"}`) {
		t.Errorf("told %s", got)
	}
}

func TestWebhookAnswers(t *testing.T) {
	const agreed = core.Kind(255)
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   core.Kind
	}{
		"200 without a body":      {status(200, ""), agreed},
		"204":                     {status(204, ""), agreed},
		"202 with plain text":     {status(202, "OK\n"), agreed},
		"200 with an object":      {status(200, ` {"peer":1} `), agreed},
		"200 with refused empty":  {status(200, `{"refused":""}`), agreed},
		"200 with a refusal":      {status(200, `{"refused":"no room"}`), core.KindProvisioningRefused},
		"200 with half an object": {status(200, `{"refused":`), core.KindProvisioningUnreachable},
		"200 with another type":   {status(200, `{"refused":true}`), core.KindProvisioningUnreachable},
		"200 with an endless body": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, io.LimitReader(endless{}, maxAnswer+1))
		}, core.KindProvisioningUnreachable},
		"200 with a body cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		}, core.KindProvisioningUnreachable},
		"302":                      {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, core.KindProvisioningRefused},
		"307":                      {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusTemporaryRedirect) }, core.KindProvisioningRefused},
		"400":                      {status(400, ""), core.KindProvisioningRefused},
		"404":                      {status(404, ""), core.KindProvisioningRefused},
		"500":                      {status(500, ""), core.KindProvisioningRefused},
		"503":                      {status(503, ""), core.KindProvisioningRefused},
		"no answer after it acted": {cutAfterActing, core.KindProvisioningUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, test.answer)
			w := newWorld(t, webhookConfig(g.URL))
			_, err := w.provision(11)
			switch {
			case test.want == agreed && err != nil:
				t.Error(err)
			case test.want != agreed:
				wantKind(t, err, test.want)
			}
			if n := len(g.told()); n != 1 {
				t.Errorf("told %d times", n)
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// The fault "it did not happen": nobody listens.
func TestWebhookNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String() + "/hook?token=hunter2"
	_ = l.Close()
	w := newWorld(t, webhookConfig(url))
	_, err = w.provision(11)
	wantKind(t, err, core.KindProvisioningUnreachable)
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the URL is in the error: %v", err)
	}
}

func TestWebhookTimesOut(t *testing.T) {
	hold := make(chan struct{})
	g := newGateway(t, func(http.ResponseWriter, *http.Request) { <-hold })
	t.Cleanup(func() { close(hold) })
	c := webhookConfig(g.URL)
	c.Webhook.Timeout = 50 * time.Millisecond
	w := newWorld(t, c)
	_, err := w.provision(11)
	wantKind(t, err, core.KindProvisioningUnreachable)
}

// The answer was lost, so the caller tries again: the same number and the same
// id, by which the gateway knows that it is the same record.
func TestWebhookLostAnswerThenRetry(t *testing.T) {
	g := newGateway(t, cutAfterActing)
	w := newWorld(t, webhookConfig(g.URL))
	_, err := w.provision(11)
	wantKind(t, err, core.KindProvisioningUnreachable)
	g.mu.Lock()
	g.answer = status(200, "")
	g.mu.Unlock()
	if number := w.mustProvision(11); number != 257 {
		t.Errorf("network %d, want 257", number)
	}
	if told := g.told(); len(told) != 2 || told[0] != told[1] {
		t.Errorf("told %s", told)
	}
}

// A user whose row has a network is not announced again.
func TestWebhookKnownUser(t *testing.T) {
	g := newGateway(t, status(200, ""))
	w := newWorld(t, webhookConfig(g.URL))
	w.commitUser(11, 300, false)
	if number := w.mustProvision(11); number != 300 || len(g.told()) != 0 {
		t.Errorf("network %d, told %s", number, g.told())
	}
}

// Test users are marked for the gateway.
func TestWebhookTestUser(t *testing.T) {
	g := newGateway(t, status(200, ""))
	w := newWorld(t, webhookConfig(g.URL))
	if _, err := w.ProvisionUser(t.Context(), UserNetwork{Tenant: 1, App: 1, User: 5, UserText: "yb1", Test: true}); err != nil {
		t.Fatal(err)
	}
	if got := g.told()[0]; !strings.Contains(got, `"test":true,"network":{"number":1,`) {
		t.Errorf("told %s", got)
	}
}

func TestNoneIsInside(t *testing.T) {
	w := newWorld(t, DefaultConfig())
	if w.Outside() {
		t.Error("without a provisioner nothing is outside")
	}
}
