package httpsms_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/httpsms"
	"yanma.dev/yanma/internal/provider/providertest"
)

var phone = core.PhoneFromE164("+8613800138000")

// answering is a client of one kind whose carrier always does the same.
func answering(t *testing.T, k kind, log io.Writer, handler http.HandlerFunc) *httpsms.Client {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	cfg := k.config(server.URL)
	cfg.ResponseTimeout = providertest.Patience
	d := deps(&discard{}, nil)
	d.Log = slog.New(slog.NewTextHandler(log, nil))
	client := newClient(t, cfg, d)
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Stop(t.Context()) })
	providertest.Eventually(t, "it is up", func() bool { return client.Health().Up })
	return client
}

// discard is a sink of which nothing is asked.
type discard struct{}

func (*discard) Receipt(_ string, _ provider.Receipt, ack func(error)) { ack(nil) }
func (*discard) Inbound(_ string, _ provider.Inbound, ack func(error)) { ack(nil) }

func send(t *testing.T, p provider.Provider) provider.Outcome {
	t.Helper()
	m := &provider.Message{ID: 1, Channel: core.ChannelSMS, To: phone, Text: suiteText, Validity: 5 * time.Minute}
	templated(m)
	outcomes := make(chan provider.Outcome, 2)
	p.Submit(t.Context(), m, func(o provider.Outcome) { outcomes <- o })
	select {
	case o := <-outcomes:
		return o
	case <-time.After(providertest.Patience):
		t.Fatal("no outcome")
	}
	return provider.Outcome{}
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// TestReq35_CodesAreClassified is every carrier's table, from its documentation
// and contracts/delivery.md §5.
func TestReq35_CodesAreClassified(t *testing.T) {
	submailError := func(code string) string { return fmt.Sprintf(`{"status":"error","code":%s,"msg":"m"}`, code) }
	aliyunError := func(code string) string { return fmt.Sprintf(`{"Message":"m","RequestId":"r","Code":%q}`, code) }
	tencentError := func(code string) string {
		return fmt.Sprintf(`{"Response":{"Error":{"Code":%q,"Message":"m"},"RequestId":"r"}}`, code)
	}
	tencentStatus := func(code string) string {
		return fmt.Sprintf(`{"Response":{"SendStatusSet":[{"SerialNo":"","Code":%q}],"RequestId":"r"}}`, code)
	}
	twilioError := func(code int) string { return fmt.Sprintf(`{"code":%d,"message":"m","status":400}`, code) }
	for _, c := range []struct {
		kind   kind
		status int
		body   string
		class  provider.Class
		code   string
	}{
		{submailKind, 200, `{"status":"success","send_id":"093c0a7df143c087d6cba9cdf0cf3738","fee":1}`, provider.Accepted, ""},
		{submailKind, 200, submailError(`"101"`), provider.NotSent, "101"},
		{submailKind, 200, submailError(`113`), provider.NotSent, "113"},
		{submailKind, 200, submailError(`"114"`), provider.Rejected, "114"},
		{submailKind, 200, submailError(`"115"`), provider.Throttled, "115"},
		{submailKind, 200, submailError(`"119"`), provider.NotSent, "119"},
		{submailKind, 200, submailError(`"152"`), provider.NotSent, "152"},
		{submailKind, 200, submailError(`"251"`), provider.Rejected, "251"},
		{submailKind, 200, submailError(`"253"`), provider.Rejected, "253"},
		{submailKind, 200, submailError(`"405"`), provider.Rejected, "405"},
		{submailKind, 200, submailError(`"408"`), provider.Throttled, "408"},
		{submailKind, 200, submailError(`"409"`), provider.Throttled, "409"},
		{submailKind, 200, submailError(`"420"`), provider.Rejected, "420"},
		{submailKind, 200, submailError(`"901"`), provider.NotSent, "901"},
		{submailKind, 200, submailError(`"904"`), provider.NotSent, "904"},
		{submailKind, 200, submailError(`"no"`), provider.Unknown, "http 200"},

		{aliyunKind, 200, `{"Message":"OK","RequestId":"r","Code":"OK","BizId":"900619746936498440^0"}`, provider.Accepted, ""},
		{aliyunKind, 200, aliyunError("OK"), provider.Unknown, "http 200"}, // no id
		{aliyunKind, 200, aliyunError("isv.BUSINESS_LIMIT_CONTROL"), provider.Throttled, "isv.BUSINESS_LIMIT_CONTROL"},
		{aliyunKind, 200, aliyunError("isv.AMOUNT_NOT_ENOUGH"), provider.NotSent, "isv.AMOUNT_NOT_ENOUGH"},
		{aliyunKind, 200, aliyunError("isv.DAY_LIMIT_CONTROL"), provider.NotSent, "isv.DAY_LIMIT_CONTROL"},
		{aliyunKind, 200, aliyunError("isv.SMS_TEMPLATE_ILLEGAL"), provider.Rejected, "isv.SMS_TEMPLATE_ILLEGAL"},
		{aliyunKind, 200, aliyunError("isv.BLACK_KEY_CONTROL_LIMIT"), provider.Rejected, "isv.BLACK_KEY_CONTROL_LIMIT"},
		{aliyunKind, 200, aliyunError("isp.SYSTEM_ERROR"), provider.Unknown, "isp.SYSTEM_ERROR"},
		{aliyunKind, 400, aliyunError("SignatureDoesNotMatch"), provider.NotSent, "SignatureDoesNotMatch"},
		{aliyunKind, 404, aliyunError("InvalidAccessKeyId.NotFound"), provider.NotSent, "InvalidAccessKeyId.NotFound"},
		{aliyunKind, 503, aliyunError("ServiceUnavailable"), provider.Throttled, "ServiceUnavailable"},
		{aliyunKind, 500, aliyunError("InternalError"), provider.Unknown, "InternalError"},

		{tencentKind, 200, tencentStatus("Ok"), provider.Unknown, "http 200"}, // no id
		{tencentKind, 200, tencentStatus("LimitExceeded.PhoneNumberThirtySecondLimit"), provider.Throttled, "LimitExceeded.PhoneNumberThirtyS"},
		{tencentKind, 200, tencentStatus("LimitExceeded.PhoneNumberDailyLimit"), provider.Rejected, "LimitExceeded.PhoneNumberDailyLi"},
		{tencentKind, 200, tencentStatus("FailedOperation.InsufficientBalanceInSmsPackage"), provider.NotSent, "FailedOperation.InsufficientBala"},
		{tencentKind, 200, tencentStatus("FailedOperation.TemplateIncorrectOrUnapproved"), provider.Rejected, "FailedOperation.TemplateIncorrec"},
		{tencentKind, 200, tencentError("AuthFailure.SignatureFailure"), provider.NotSent, "AuthFailure.SignatureFailure"},
		{tencentKind, 200, tencentError("InternalError.Timeout"), provider.Unknown, "InternalError.Timeout"},
		{tencentKind, 200, `{"Response":{"SendStatusSet":[],"RequestId":"r"}}`, provider.Unknown, "http 200"},

		{twilioKind, 201, `{"sid":"SM1","status":"queued"}`, provider.Accepted, ""},
		{twilioKind, 201, `{"status":"queued"}`, provider.Unknown, "http 201"},
		{twilioKind, 400, twilioError(21211), provider.Rejected, "21211"},
		{twilioKind, 400, twilioError(21610), provider.Rejected, "21610"},
		{twilioKind, 401, twilioError(20003), provider.NotSent, "20003"},
		{twilioKind, 429, twilioError(20429), provider.Throttled, "20429"},
		{twilioKind, 400, twilioError(21611), provider.Throttled, "21611"},
		{twilioKind, 503, twilioError(20503), provider.Throttled, "http 503"},
		{twilioKind, 500, twilioError(20500), provider.Unknown, "http 500"},

		{kannelKind, 202, "0: Accepted for delivery", provider.Accepted, ""},
		{kannelKind, 202, "3: Queued for later delivery", provider.Accepted, ""},
		{kannelKind, 202, "whatever", provider.Unknown, "http 202"},
		{kannelKind, 403, "Authorization failed for sendsms", provider.NotSent, "http 403"},
		{kannelKind, 400, "Missing receiver number, rejected", provider.Rejected, "http 400"},
		{kannelKind, 503, "Temporal failure, try again later.", provider.Throttled, "http 503"},

		{declaredKind, 200, `{"result":{"code":0,"messages":[{"id":7}]}}`, provider.Accepted, ""},
		{declaredKind, 200, `{"result":{"code":0,"messages":[]}}`, provider.Unknown, "http 200"},
		{declaredKind, 200, `{"result":{"code":12}}`, provider.Rejected, "12"},
		{declaredKind, 200, `{"result":{"code":5}}`, provider.Rejected, "5"}, // not in its table
		{declaredKind, 400, `{"result":{"code":42}}`, provider.Throttled, "42"},
		{declaredKind, 500, `{"result":{"code":5}}`, provider.Unknown, "http 500"},
		{declaredKind, 401, `{}`, provider.NotSent, "http 401"},
	} {
		o := send(t, answering(t, c.kind, io.Discard, says(c.status, c.body)))
		if o.Class != c.class || o.Code != c.code || (o.Class == provider.Throttled) != (o.RetryAfter > 0) || (o.Class == provider.Accepted) != (len(o.PartIDs) == 1) {
			t.Errorf("%d %s: %v %q %v %v, want %v %q", c.status, c.body, o.Class, o.Code, o.RetryAfter, o.PartIDs, c.class, c.code)
		}
	}
}

// TestReq14_HostileAnswers: whatever a carrier answers is bounded, classed by
// what may have happened to the message, and nothing of it or of the request is
// in an outcome or a log line.
func TestReq14_HostileAnswers(t *testing.T) {
	canary := func(r *http.Request) string {
		body, _ := io.ReadAll(r.Body)
		return fmt.Sprintf("no 13800138000, 123456, %s %s %v", r.URL, body, r.Header)
	}
	for name, k := range kinds {
		for _, c := range []struct {
			name    string
			class   provider.Class
			handler http.HandlerFunc
		}{
			{"HTML", provider.Unknown, says(200, "<!DOCTYPE html><title>Maintenance</title>13800138000")},
			{"nothing", provider.Unknown, says(200, "")},
			{"another JSON", provider.Unknown, says(200, `["13800138000",{"a":null}]`)},
			{"JSON of other types", provider.Unknown, says(200, `{"status":{},"Code":[],"Response":7,"sid":[1],"result":"x"}`)},
			{"deep JSON", provider.Unknown, says(200, strings.Repeat("[", 60_000))},
			{"an error that repeats everything", provider.Rejected, func(w http.ResponseWriter, r *http.Request) {
				said := canary(r)
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, said)
			}},
			{"a proxy's error", provider.Unknown, says(502, "<h1>Bad Gateway</h1>")},
			{"no login", provider.NotSent, says(403, "who is 13800138000?")},
			{"a redirect", provider.Rejected, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere/13800138000")
				w.WriteHeader(http.StatusFound)
			}},
			{"a redirect that keeps the method", provider.Rejected, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/elsewhere", http.StatusPermanentRedirect)
			}},
			{"an endless body", provider.Unknown, func(w http.ResponseWriter, r *http.Request) {
				for r.Context().Err() == nil {
					if _, err := w.Write(bytes.Repeat([]byte("13800138000"), 1000)); err != nil {
						return
					}
				}
			}},
			{"a huge header", provider.Unknown, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Filler", strings.Repeat("13800138000", 10_000))
				w.WriteHeader(http.StatusCreated)
			}},
			{"no HTTP", provider.Unknown, func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					_, _ = io.WriteString(conn, "13800138000 123456\r\n\r\n")
					_ = conn.Close()
				}
			}},
		} {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				var log safeBuffer
				var calls atomic.Int32
				client := answering(t, k, &log, func(w http.ResponseWriter, r *http.Request) { calls.Add(1); c.handler(w, r) })
				o := send(t, client)
				if o.Class != c.class || calls.Load() != 1 {
					t.Errorf("%v %q after %d calls, want %v", o.Class, o.Code, calls.Load(), c.class)
				}
				shown := fmt.Sprintf("%+v %+v %s", o, client.Health(), log.String())
				for _, secret := range []string{"13800138000", "123456", testPassword, testSecret, testAccount, "验码"} {
					if strings.Contains(shown, secret) {
						t.Errorf("%q is shown: %s", secret, shown)
					}
				}
			})
		}
	}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestNoTemplateNothingSent: a carrier of templates says which messages it can
// not carry, and is not asked for them.
func TestNoTemplateNothingSent(t *testing.T) {
	for _, k := range []kind{aliyunKind, tencentKind} {
		client := answering(t, k, io.Discard, func(http.ResponseWriter, *http.Request) { t.Error("the carrier is asked") })
		for _, m := range []*provider.Message{
			{ID: 1, Channel: core.ChannelSMS, To: phone, Text: suiteText},
			{ID: 1, Channel: core.ChannelSMS, To: phone, Template: "notice", Params: map[string]string{"code": "1", "minutes": "2"}},
			{ID: 1, Channel: core.ChannelSMS, To: phone, Template: "code", Params: map[string]string{"code": "1"}},
			{ID: 1, Channel: core.ChannelVoice, To: phone, Template: "code", Params: map[string]string{"code": "1", "minutes": "2"}},
		} {
			if provider.Carries(client, m) {
				t.Errorf("carries %+v", m)
			}
			var got provider.Outcome
			client.Submit(t.Context(), m, func(o provider.Outcome) { got = o })
			if got.Class != provider.Rejected || got.Code != "no template" {
				t.Errorf("%+v", got)
			}
		}
		m := &provider.Message{Channel: core.ChannelSMS}
		templated(m)
		if !provider.Carries(client, m) {
			t.Error("does not carry its own template")
		}
	}
}

// TestReq35_ForgedReceipts: a receipt with a wrong path or signature, a
// malformed one, one too long or by a wrong method is refused, whatever it says.
func TestReq35_ForgedReceipts(t *testing.T) {
	const good = testURL + "/test/" + testSecret
	forge := map[string]func(*http.Request){
		"twilio": func(r *http.Request) { r.Header.Set("X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=") },
		"submail": func(r *http.Request) {
			*r = *formPost(good, url.Values{"events": {"delivered"}, "send_id": {"1"}, "token": {"x"}, "signature": {"y"}})
		},
		"declared": func(r *http.Request) { r.Header.Set("X-Time", "1700000002") },
	}
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			got := &counting{}
			c, base := newCarrier(t, k)
			c.mount(newClient(t, k.config(base), deps(got, c)))
			try := func(what string, want int, r *http.Request) {
				t.Helper()
				if status, _ := c.post(r); status != want {
					t.Errorf("%s: %d, want %d", what, status, want)
				}
			}
			u := good
			if k.ownIDs {
				u += "?id=1&state=%d"
			}
			at := func(path string) string { return strings.Replace(u, "/test/"+testSecret, path, 1) }
			try("a wrong secret", http.StatusNotFound, k.report(at("/test/"+testSecret[1:]), "1"))
			try("no secret", http.StatusNotFound, k.report(at("/test/"), "1"))
			try("another provider", http.StatusNotFound, k.report(at("/other/"+testSecret), "1"))
			try("another kind", http.StatusNotFound, k.report(at("/test/"+testSecret+"/x"), "1"))
			deleted := k.report(u, "1")
			deleted.Method = http.MethodDelete
			try("a wrong method", http.StatusMethodNotAllowed, deleted)
			try("too long", http.StatusBadRequest, formPost(good, url.Values{"x": {strings.Repeat("x", 300<<10)}}))
			if f := forge[name]; f != nil {
				r := k.report(u, "1")
				f(r)
				try("forged", http.StatusForbidden, r)
				try("unsigned", http.StatusForbidden, jsonPost(good, `{}`))
			} else {
				try("nothing in it", http.StatusBadRequest, jsonPost(good, `{"a":`))
			}
			if got.n != 0 {
				t.Errorf("%d receipts passed", got.n)
			}
			try("a good one", http.StatusOK, k.report(u, "1"))
			if got.n != 1 {
				t.Errorf("%d receipts", got.n)
			}
		})
	}
}

type counting struct{ n int }

func (c *counting) Receipt(_ string, _ provider.Receipt, ack func(error)) { c.n++; ack(nil) }
func (c *counting) Inbound(_ string, _ provider.Inbound, ack func(error)) { c.n++; ack(nil) }
