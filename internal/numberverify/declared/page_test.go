package declared

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"yanma.dev/yanma/internal/carriersim"
	"yanma.dev/yanma/internal/core"
)

func demoPage() Page {
	return Page{AppID: "300000000001", AppKey: core.NewSecret("testkey"), Params: carriersim.PageParams(),
		Sign: Sign{Algorithm: "md5", Over: carriersim.PageSign, Field: "sign"}}
}

// TestPageParameters: computed apart from this code, with md5sum and openssl.
func TestPageParameters(t *testing.T) {
	id, _ := hex.DecodeString("f11585580266414fbde9f755451fb7a7")
	deps := func() Deps {
		return Deps{Now: func() time.Time { return time.UnixMilli(1_699_971_200_123) }, Random: bytes.NewReader(id)}
	}
	sorted := demoPage()
	sorted.Params = map[string]string{"appId": "{app_id}", "msgId": "{id}", "t": "{time_ms}"}
	sorted.Sign = Sign{Algorithm: "hmac-sha256", Encoding: "base64", Field: "s"}
	plain := Page{Params: map[string]string{"client": "30100", "who": "{carrier}", "at": "{time}"}}
	for _, c := range []struct {
		name string
		page Page
		want map[string]string
	}{
		{"md5 over a text", demoPage(), map[string]string{"version": "1.0", "appId": "300000000001", "businessType": "3", "msgId": "f11585580266414fbde9f755451fb7a7",
			"traceId": "f11585580266414fbde9f755451fb7a7", "timestamp": "20231114221320123", "sign": "20ac17af16d26451734bc957ea9b7e16"}},
		{"hmac over all", sorted, map[string]string{"appId": "300000000001", "msgId": "f11585580266414fbde9f755451fb7a7", "t": "1699971200123", "s": "Sr9rQ/fEfE3NTeCs+Rq0fZ+GjdoEXLasHvO6Nt1x/PE="}},
		{"not signed", plain, map[string]string{"client": "30100", "who": "2", "at": "1699971200"}},
	} {
		s, err := NewSigner(c.page, deps())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Params(2); err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%s: %v %v, want %v", c.name, got, err, c.want)
		}
	}
	s, err := NewSigner(demoPage(), Deps{Now: time.Now, Random: iotest.ErrReader(errors.New("no entropy"))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Params(1); err == nil {
		t.Error("signed without random bytes")
	}
}

// TestPagesThatCanNotWork: a page never gets a key, and says where its signature goes.
func TestPagesThatCanNotWork(t *testing.T) {
	for want, edit := range map[string]func(*Page){
		"device.params.key: ":     func(p *Page) { p.Params = map[string]string{"key": "{app_key}"} },
		"device.params.t: ":       func(p *Page) { p.Params = map[string]string{"t": "{token}"} },
		"device.sign.algorithm: ": func(p *Page) { p.AppKey = core.Secret{} },
		"device.sign.over: ":      func(p *Page) { p.Sign.Over = "{body}" },
		"device.sign.field: ":     func(p *Page) { p.Sign.Field, p.Sign.Header = "", "X-Sign" },
	} {
		p := demoPage()
		edit(&p)
		if err := p.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s…", err, want)
		}
	}
}

// TestSimulatorChecksPages: the simulated gateway takes what was signed, within
// five minutes; anything else gets China Mobile's code and no proof.
func TestSimulatorChecksPages(t *testing.T) {
	now := time.Now()
	sim := httptest.NewServer(carriersim.New(carriersim.Options{AppID: "300000000001", AppKey: core.NewSecret("testkey"), Now: func() time.Time { return now }, Random: rand.Reader}))
	defer sim.Close()
	s, err := NewSigner(demoPage(), Deps{Now: time.Now, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(edit func(map[string]string)) (answer struct{ Token, ResultCode string }) {
		params, err := s.Params(1)
		if err != nil {
			t.Fatal(err)
		}
		edit(params)
		members := map[string]any{"carrier": 1, "number": "+8613800138000"}
		for k, v := range params {
			members[k] = v
		}
		body, _ := json.Marshal(members)
		r, err := http.Post(sim.URL+"/sim/carrier/token", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		text, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return answer
	}
	if a := ask(func(map[string]string) {}); !strings.HasPrefix(a.Token, "STsid") {
		t.Errorf("%+v", a)
	}
	for code, edit := range map[string]func(map[string]string){
		"103101": func(p map[string]string) { p["msgId"] = strings.Repeat("0", 32) },
		"103119": func(p map[string]string) { p["appId"] = "300000000002" },
		"105112": func(p map[string]string) { p["timestamp"] = "20231114221320123" },
	} {
		if a := ask(edit); a.ResultCode != code || a.Token != "" {
			t.Errorf("%s: %+v", code, a)
		}
	}
	if a := ask(func(p map[string]string) { delete(p, "sign") }); a.ResultCode != "103101" {
		t.Errorf("without a signature: %+v", a)
	}
}
