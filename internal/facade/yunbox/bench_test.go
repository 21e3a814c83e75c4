package yunbox_test

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/facade/yunbox"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

// instant answers at once: what is measured is the façade.
type instant struct{}

func (instant) Start(context.Context, verify.StartRequest) (verify.Started, error) {
	return verify.Started{}, nil
}

func (instant) Login(context.Context, verify.LoginRequest) (verify.LoggedIn, error) {
	return verify.LoggedIn{UserText: "yb014d2pf2dbsqqzxq5tk1v58cgg"}, nil
}

func (instant) LoginTest(context.Context, *tenant.App, string) (verify.LoggedIn, error) {
	return verify.LoggedIn{}, core.E(core.KindInternal, "")
}

type nobody struct{}

func (nobody) Observe(facade.Event) {}

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkCheckCode is one request through the handler, without net/http and
// without the use-case.
func BenchmarkCheckCode(b *testing.B) {
	e := start(b)
	dialect := yunbox.New(yunbox.Options{Apps: e.apps, Verify: instant{}, Limiter: e.limiter, Subjects: e.ring,
		Rules: guard.DefaultRules(), Now: e.clock.Now})
	handler, err := facade.New(facade.Config{Mounts: []facade.Mount{{Facade: dialect}}, Now: e.clock.Now, Random: rand.Reader, Observer: nobody{}})
	must(b, err)
	body := strings.NewReader(`{"key":"` + mainKey + `","phone_no":"13800138000","user_input_code":"042917"}`)
	r := httptest.NewRequest(http.MethodPost, "/check-code", body)
	r.Body = io.NopCloser(body)
	w := discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = body.Seek(0, io.SeekStart)
		clear(w.header)
		handler.ServeHTTP(w, r)
	}
}
