package httpsms

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/httpcall"
	"yanma.dev/yanma/internal/provider"
)

// declaredOf is a stanza made ready.
func declaredOf(t *testing.T, change func(*Config)) *declared {
	t.Helper()
	cfg := Config{Name: "acme", Type: Declared, URL: "https://api.example.net/v1/sms?v=2", Account: "yanma", Password: core.NewSecret("secret"),
		ReceiptKey: core.NewSecret("hookkey"), Response: Response{ID: "id"}}
	change(&cfg)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	w, err := cfg.wire()
	if err != nil {
		t.Fatal(err)
	}
	return w.(*declared)
}

var message = &provider.Message{ID: 1, Channel: core.ChannelSMS, To: core.PhoneFromE164("+8613800138000"), Text: "hi", From: "YANMA",
	Validity: 5 * time.Minute, Template: "code", Params: map[string]string{"code": `12"34`}}

var firstTurn = turn{now: time.Unix(1700000000, 0), nonce: strings.Repeat("ab", 16)}

// TestDeclaredRequests is what a stanza makes of a message, byte by byte. The
// signatures were computed with md5sum and openssl.
func TestDeclaredRequests(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string // method, URL, headers, body
	}{
		{"form, md5 over sorted parameters", func(c *Config) {
			c.Request = Request{Fields: map[string]string{"user": "{account}", "to": "{to.national}", "text": "{text}", "ts": "{time}"},
				Sign: Sign{Algorithm: "md5", Field: "sign"}}
		}, "POST https://api.example.net/v1/sms?v=2\nContent-Type: application/x-www-form-urlencoded\n\n" +
			"sign=ac14fd9c612563b22a40668f873de614&text=hi&to=13800138000&ts=1700000000&user=yanma"},
		{"query, HMAC-SHA256 in a header, Basic", func(c *Config) {
			c.Request = Request{Method: "GET", Fields: map[string]string{"to": "{to.national}", "text": "{text}"}, Auth: "basic",
				Sign: Sign{Algorithm: "hmac-sha256", Over: "POST {path} {sorted}", Encoding: "base64", Header: "X-Sign", Value: "a={sign}"}}
		}, "GET https://api.example.net/v1/sms?text=hi&to=13800138000&v=2\nAuthorization: Basic eWFubWE6c2VjcmV0\n" +
			"X-Sign: a=hoU/CUsn3XGyMfoG1POBa5MtkSUsV5ESD4zjE+S3qRg=\n\n"},
		{"JSON, Bearer, a mapped template", func(c *Config) {
			c.Templates = map[string]Template{"code": {Code: "T1", Params: []string{"pin=code"}}}
			c.Request = Request{Method: "PUT", Encoding: "json", Auth: "bearer", Headers: map[string]string{"X-Id": "{id}"},
				Body: `{"t":"{template}","p":"{params}","c":["{param.code}",1.50,null,true],"b":"{{{from}}}"}`}
		}, "PUT https://api.example.net/v1/sms?v=2\nAuthorization: Bearer secret\nContent-Type: application/json\n" +
			"X-Id: abababababababababababababababab\n\n" + `{"b":"{YANMA}","c":["12\"34",1.50,null,true],"p":"{\"pin\":\"12\\\"34\"}","t":"T1"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := declaredOf(t, c.change)
			if !d.carries(message) {
				t.Error("does not carry it")
			}
			r, err := d.compose(message, firstTurn)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			got.WriteString(r.Method + " " + r.URL.String() + "\n")
			for _, name := range []string{"Authorization", "Content-Type", "X-Id", "X-Sign"} {
				if v := r.Header.Get(name); v != "" {
					got.WriteString(name + ": " + v + "\n")
				}
			}
			got.WriteString("\n")
			if r.Body != nil {
				_, _ = io.Copy(&got, r.Body)
			}
			if got.String() != c.want {
				t.Errorf("\n got %s\nwant %s", got.String(), c.want)
			}
		})
	}
}

func TestDeclaredHeaderOfTwoLines(t *testing.T) {
	d := declaredOf(t, func(c *Config) {
		c.Request = Request{Fields: map[string]string{"to": "{to}"}, Headers: map[string]string{"X-Text": "{text}"}}
	})
	m := *message
	m.Text = "a\r\nX-Evil: b"
	if _, err := d.compose(&m, firstTurn); err == nil {
		t.Error("a text became a header")
	}
}

func TestDeclaredTextAnswers(t *testing.T) {
	d := declaredOf(t, func(c *Config) {
		c.Request = Request{Fields: map[string]string{"to": "{to}", "ref": "{id}"}}
		c.Response = Response{Format: "text", Pattern: `^(?P<code>\w+)`, OK: []string{"OK"}, ID: "{id}", Codes: map[string]string{"BUSY": "throttled", "ACC*": "not_sent"}}
	})
	for body, want := range map[string]provider.Class{"OK 1": provider.Accepted, "BUSY": provider.Throttled, "ACCOUNT": provider.NotSent,
		"NO": provider.Rejected, "": provider.Unknown, "<html>": provider.Unknown} {
		v := d.judge(httpcall.Answer{Status: http.StatusOK, Body: []byte(body)}, firstTurn)
		if v.Class != want || want == provider.Accepted && v.PartIDs[0] != firstTurn.nonce {
			t.Errorf("%q: %v %v, want %v", body, v.Class, v.PartIDs, want)
		}
	}
}

// TestReq35_DeclaredReceipts is each way of telling a receipt from a forged one.
func TestReq35_DeclaredReceipts(t *testing.T) {
	stanza := func(r Receipt) *declared {
		r.ID, r.Code = "id", "state"
		return declaredOf(t, func(c *Config) {
			c.Request = Request{Fields: map[string]string{"to": "{to}"}}
			c.Receipt = r
		})
	}
	form := url.Values{"id": {"7"}, "state": {"DELIVRD"}}
	with := func(name, value string) url.Values {
		return url.Values{"id": {"7"}, "state": {"DELIVRD"}, name: {value}}
	}
	header := func(name, value string) http.Header { return http.Header{name: {value}} }
	const sum = "25ef772751e6189f9eaea5f58c91241f" // md5sum of id=7&state=DELIVRDhookkey
	for name, c := range map[string]struct {
		receipt      Receipt
		good, forged hook
	}{
		"md5 in the form":  {Receipt{Auth: "md5", Signature: "field:sign"}, hook{form: with("sign", sum)}, hook{form: with("sign", sum[1:]+"0")}},
		"md5 in the query": {Receipt{Format: "query", Auth: "md5", Signature: "field:sign"}, hook{query: with("sign", strings.ToUpper(sum))}, hook{query: form}},
		"basic":            {Receipt{Auth: "basic"}, hook{form: form, header: header("Authorization", "Basic eWFubWE6aG9va2tleQ==")}, hook{form: form, header: header("Authorization", "Basic eWFubWE6")}},
		"bearer":           {Receipt{Auth: "bearer"}, hook{form: form, header: header("Authorization", "Bearer hookkey")}, hook{form: form}},
	} {
		d := stanza(c.receipt)
		said, err := d.read(&c.good)
		if err != nil || len(said.receipts) != 1 || said.receipts[0].State != provider.StateDelivered || said.receipts[0].PartID != "7" {
			t.Errorf("%s: %+v, %v", name, said, err)
		}
		if _, err := d.read(&c.forged); err != errForged { //nolint:errorlint // a sentinel of this package
			t.Errorf("%s: a forged one: %v", name, err)
		}
	}
}

func TestDeclaredReceiptStates(t *testing.T) {
	d := declaredOf(t, func(c *Config) {
		c.Request = Request{Fields: map[string]string{"to": "{to}"}}
		c.Receipt = Receipt{Format: "json", ID: "id", Code: "s", Time: "t", States: map[string]string{"1": "delivered", "2": "undelivered", "3": "submitted", "DELIVRD": "undelivered"}}
	})
	said, err := d.read(&hook{body: []byte(`[{"id":1,"s":1,"t":1700000000000},{"id":2,"s":"2"},{"id":3,"s":3},{"id":4,"s":"MK:0001"},{"id":5,"s":"DELIVRD"}]`)})
	if err != nil || len(said.receipts) != 5 {
		t.Fatalf("%+v, %v", said, err)
	}
	for i, want := range []struct {
		state provider.State
		jsms  int
	}{{provider.StateDelivered, 4001}, {provider.StateUndelivered, 4100}, {provider.StateSubmitted, 0}, {provider.StateUndelivered, 4004}, {provider.StateUndelivered, 4100}} {
		if r := said.receipts[i]; r.State != want.state || r.JSMS != want.jsms {
			t.Errorf("%d: %+v, want %+v", i, r, want)
		}
	}
	if got := said.receipts[0].DoneAt; !got.Equal(time.UnixMilli(1700000000000)) {
		t.Errorf("done at %v", got)
	}
	if _, err := d.read(&hook{body: []byte(`[{"id":"","s":1}]`)}); err == nil {
		t.Error("a receipt without an id passes")
	}
}

// FuzzHooks: whatever is posted, by whomever, a reader ends and says no more
// than it was given.
func FuzzHooks(f *testing.F) {
	for _, seed := range []string{`[{"biz_id":"1","success":true}]`, `{"mobile":"1","text":"x"}`, `[null]`, `null`, `{"reports":[[]]}`, "id=1&state=1", "\x00", `[{"sid":1}]`} {
		f.Add([]byte(seed), seed, true)
		f.Add([]byte(seed), seed, false)
	}
	var wires []wire
	for _, typ := range Types {
		cfg := Config{Name: "x", Type: typ, URL: "http://x/", Account: "a", Password: core.NewSecret("b"), Signature: "c", Application: "d", Source: "+1",
			Request: Request{Fields: map[string]string{"to": "{to}"}}, Response: Response{ID: "id"},
			Receipt: Receipt{Format: "json", List: "reports", ID: "id", Code: "code"}, Text: Text{From: "f", Text: "t"}}
		w, err := cfg.wire()
		if err != nil {
			f.Fatal(err)
		}
		wires = append(wires, w)
	}
	f.Fuzz(func(t *testing.T, body []byte, query string, text bool) {
		values, err := url.ParseQuery(query)
		if err != nil {
			values = url.Values{}
		}
		for _, w := range wires {
			said, err := w.read(&hook{text: text, header: http.Header{}, query: values, form: values, body: body})
			if err == nil {
				for _, r := range said.receipts {
					if r.PartID == "" || r.State == 0 {
						t.Errorf("%T: %+v", w, r)
					}
				}
			}
			_ = w.judge(httpcall.Answer{Status: http.StatusOK, Header: http.Header{}, Body: body}, firstTurn)
		}
	})
}
