package submail_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/facade/submail"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/numberverify"
)

// thenDown is a database that goes away once a carrier's answer is charged.
type thenDown struct{ *env }

func (n thenDown) Verify(ctx context.Context, r numberverify.VerifyRequest) (numberverify.Verified, error) {
	v, err := n.numbers.Verify(ctx, r)
	n.engine.down.Store(true)
	return v, err
}

func (n thenDown) Fetch(ctx context.Context, r numberverify.FetchRequest) (numberverify.Fetched, error) {
	return n.numbers.Fetch(ctx, r)
}

// TestReq32_PlanAnswersInTheCharge: the answer of the plan's silent step is in
// the commit of its charge, so that a repetition neither asks nor pays again,
// also when its signature is too old.
func TestReq32_PlanAnswersInTheCharge(t *testing.T) {
	e := start(t)
	dialect := submail.New(submail.Options{Apps: e.directory, Numbers: struct {
		thenDown
		*pages
	}{thenDown{e}, &pages{e.numbers}}, Keys: e.ring, Limiter: e.limiter, Subjects: e.ring, Rules: e.rules, Now: e.clock.Now, Carries: noCodes})
	handler, err := facade.New(facade.Config{Mounts: []facade.Mount{{Facade: dialect}}, Now: e.clock.Now, Random: rand.Reader, Observer: e.events,
		Calls: idempotency.New(idempotency.Options{Store: e.batcher, Keys: e.ring, IDs: e.ids})})
	must(t, err)
	prove := func(os string) *httptest.ResponseRecorder {
		form := url.Values{"appid": {appid}, "os": {os}, "timestamp": {"1700000000"}, "token": {"k1"}, "mobile_number": {"13800138000"}, "userInformation": {"x"},
			"signature": {sign(appkey, "1700000000", "k113800138000")}}
		r := httptest.NewRequest(http.MethodPost, "/vfmobile/prove", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Idempotency-Key", "one")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	prove("1") // its answer is lost
	e.engine.down.Store(false)
	e.clock.Advance(2 * submail.DefaultWindow)
	if a := prove("1"); !strings.Contains(a.Body.String(), `"result":{"identical":true,"msg":"认证通过","step":"silent"}`) || a.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("again: %s", a.Body)
	}
	if asked := e.carrier.look(); asked != "mobile" || e.balance(t) != 999 {
		t.Errorf("asked %s; %d left", asked, e.balance(t))
	}
	// contracts/submail.md §3.3: os before the timestamp.
	if a := prove("3").Body.String(); !strings.Contains(a, `"code":1304`) {
		t.Errorf("os 3: %s", a)
	}
}

// pages is the rest of numberverify's port.
type pages struct{ *numberverify.Service }
