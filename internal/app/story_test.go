package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/callback"
	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/fsck"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
	"yanma.dev/yanma/internal/tenant"
)

// letters is a server whose carrier delivers to some numbers, refuses others,
// and reports others undelivered, with an app that is called back.
type letters struct {
	*App
	t        *testing.T
	center   *smsc.Server
	operator *client.Client
	app      core.AppID
	key      string
	url      string // of the app's callbacks

	mu    sync.Mutex
	calls []string
}

const (
	delivers = "13800138000"
	refuses  = "13800138001"
	loses    = "13800138002"
)

func (l *letters) decide(p *smsc.Part) smsc.Behaviour {
	switch {
	case strings.HasSuffix(p.To, refuses):
		return smsc.Behaviour{Status: pdu.Status(0x0000000B)}
	case strings.HasSuffix(p.To, loses):
		return smsc.Behaviour{Reports: []smsc.Report{{Code: "MK:0001"}}}
	}
	return smsc.Behaviour{Reports: []smsc.Report{{Code: "DELIVRD"}}}
}

func startLetters(t *testing.T, database string) *letters {
	t.Helper()
	l := &letters{t: t}
	var err error
	l.center, err = smsc.New(smsc.Config{SystemID: "yanma", Password: core.NewSecret("password"), Decide: l.decide, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	ok(t, err)
	ok(t, l.center.Start(t.Context()))
	t.Cleanup(l.center.Stop)
	receiver := httptest.NewServer(http.HandlerFunc(l.called))
	t.Cleanup(receiver.Close)
	l.url = receiver.URL + "/hook"

	c := wholeConfig(t, l.center.Addr(), receiver.URL)
	c.Prices.SMS = 3
	c.Store.Database.Secret = core.NewSecret(database)
	c.Callbacks.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	c.Operator.Token = config.Secret{Secret: core.NewSecret("a token of an operator")}
	log := obs.NewWriter(io.Discard, time.Now, obs.WriterOptions{})
	t.Cleanup(func() { _ = log.Close() })
	l.App, err = Open(t.Context(), c, Deps{Now: time.Now, Random: rand.Reader, Jitter: func() float64 { return 0 }, Log: log, Version: "test", slow: patient})
	ok(t, err)
	t.Cleanup(func() { _ = l.Stop(context.Background()) })
	l.encoders = map[tenant.Dialect]callback.Encoder{tenant.DialectYunbox: func(_ context.Context, e *callback.Event, _ time.Time) (callback.Request, error) {
		return callback.Request{ContentType: "text/plain", Body: fmt.Appendf(nil, "%s %d %d %s %s", e.Kind, int64(e.Message), e.Status, e.Phone.E164(), e.Text)}, nil
	}}
	ok(t, l.Start(t.Context()))
	ok(t, l.AwaitProviders(t.Context()))
	l.operator = client.New(l.OperatorURL(), c.Operator.Token.Secret, &http.Client{})
	view, err := l.operator.CreateTenant(t.Context(), "tenant")
	ok(t, err)
	signature := "验码"
	app, key, err := l.operator.CreateApp(t.Context(), tenant.Spec{Tenant: view.ID, Name: "app", Settings: tenant.Patch{Signature: &signature, CallbackURL: &l.url}})
	ok(t, err)
	_, err = l.operator.AddAppCredit(t.Context(), app.ID, api.NewCredit{Amount: 100}, "")
	ok(t, err)
	l.app, l.key = app.ID, key.Reveal()
	return l
}

// called is the app's endpoint.
func (l *letters) called(w http.ResponseWriter, r *http.Request) {
	if echo := r.URL.Query().Get("echostr"); r.Method == http.MethodGet {
		_, _ = io.WriteString(w, echo)
		return
	}
	body, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, string(body))
}

func (l *letters) await(what string, done func() bool) {
	l.t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("%s never comes", what)
		}
	}
}

// gotCall waits for a callback.
func (l *letters) gotCall(want string) {
	l.t.Helper()
	l.await("the call "+want, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return slices.Contains(l.calls, want)
	})
}

// send asks for a code and waits for its message to come to a state.
func (l *letters) send(number, state string) api.MessageStory {
	l.t.Helper()
	if out := postJSON(l.t, l.PublicURL()+"/get-code", fmt.Sprintf(`{"key":%q,"phone_no":%q}`, l.key, number)); !strings.Contains(out, `"0000"`) && strings.Contains(out, `"code"`) {
		l.t.Logf("get-code: %s", out)
	}
	var story api.MessageStory
	l.await("a message to "+number+" that is "+state, func() bool {
		found, err := l.operator.SearchMessages(l.t.Context(), api.MessageSearch{Phone: number, App: l.app, States: []string{state}})
		ok(l.t, err)
		if len(found.Messages) == 0 {
			return false
		}
		story, err = l.operator.Message(l.t.Context(), found.Messages[0].ID)
		ok(l.t, err)
		return true
	})
	return story
}

func whats(steps []api.MessageStep) (all []string) {
	for _, s := range steps {
		all = append(all, s.What)
	}
	return all
}

func kinds(moves []api.MessageMoney) (all []string) {
	for _, m := range moves {
		all = append(all, m.Kind)
	}
	return all
}

// clean checks every invariant of the database.
func (l *letters) clean() {
	l.t.Helper()
	found, err := fsck.Run(l.t.Context(), fsck.Options{Source: l.database, Ring: l.ring, Now: time.Now()})
	ok(l.t, err)
	if len(found.Findings) > 0 {
		l.t.Errorf("fsck: %v", found.Findings)
	}
}

func TestTheStoryOfAMessage(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		l := startLetters(t, database)
		story := l.send(delivers, "delivered")
		if !slices.Equal(whats(story.Steps), []string{"submitted", "delivered"}) || !slices.Equal(kinds(story.Ledger), []string{"reserve", "settle"}) || !story.Whole {
			t.Errorf("%+v", story)
		}
		if s := story.Steps; s[0].Provider != "carrier" || len(s[0].Parts) != 1 || s[1].Code != "DELIVRD" || s[1].Status != 4001 || s[1].At.Before(s[0].At) {
			t.Errorf("%+v", s)
		}
		if story.Phone != "138****8000" || story.Verified == nil || story.Verified.State != "pending" || story.Money != "settled" || story.Text ||
			story.NoRequeue != "it was delivered" || story.NoRefund != "it was delivered" {
			t.Errorf("%+v", story)
		}
		l.gotCall("receipt " + story.ID + " 4001 +86" + delivers + " ")
		number, err := l.operator.MessagePhone(t.Context(), story.ID)
		ok(t, err)
		if number.Phone != "+86"+delivers {
			t.Errorf("%+v", number)
		}
		audit, err := l.operator.Audit(t.Context(), 0, 10)
		ok(t, err)
		if a := audit.Entries[0]; a.Action != "message.phone" || a.Object != "message "+story.ID {
			t.Errorf("the newest audit row: %+v", a)
		}
		events, err := l.operator.Callbacks(t.Context(), l.app, "", 0)
		ok(t, err)
		if e := events.Events; len(e) != 1 || e[0].Kind != "receipt" || e[0].Ref != story.ID || e[0].Status != 4001 {
			t.Errorf("%+v", e)
		}
		if _, err := l.operator.Message(t.Context(), "1"); err == nil || !strings.Contains(err.Error(), "no such message") {
			t.Errorf("an unknown message: %v", err)
		}
		l.clean()
	})
}

// TestDeadLetters: what a carrier refused is tried again and charged once; what
// was charged and not delivered is refunded once.
func TestDeadLetters(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		l := startLetters(t, database)
		dead := l.send(refuses, "dead")
		if dead.Money != "refunded" || dead.Why != "carrier refused it and no route was left (0x0000000B)" || dead.NoRequeue != "" ||
			!slices.Equal(whats(dead.Steps), []string{"rejected", "dead"}) {
			t.Errorf("%+v", dead)
		}
		l.gotCall("receipt " + dead.ID + " 4100 +86" + refuses + " ")
		changed, err := l.operator.RequeueMessage(t.Context(), dead.ID, "once")
		ok(t, err)
		if !changed.Changed || changed.State != "queued" || changed.Money != "reserved" {
			t.Errorf("%+v", changed)
		}
		again, err := l.operator.RequeueMessage(t.Context(), dead.ID, "once")
		ok(t, err)
		if again != changed {
			t.Errorf("the same key: %+v", again)
		}
		l.await("the second refusal", func() bool {
			story, err := l.operator.Message(t.Context(), dead.ID)
			ok(t, err)
			want := []string{"rejected", "dead", "requeued", "rejected", "dead"}
			if slices.Equal(whats(story.Steps), want) && story.State == "dead" {
				return slices.Equal(kinds(story.Ledger), []string{"reserve", "refund", "reserve", "refund"}) || fatal(t, story)
			}
			return false
		})

		lost := l.send(loses, "undelivered")
		if lost.Money != "settled" || lost.Why != "carrier could not deliver it: no such number (MK:0001)" || lost.NoRefund != "" {
			t.Errorf("%+v", lost)
		}
		l.gotCall("receipt " + lost.ID + " 4004 +86" + loses + " ")
		before := l.available()
		for n, key := range []string{"refund", "refund", "another", ""} {
			refunded, err := l.operator.RefundMessage(t.Context(), lost.ID, key)
			ok(t, err)
			if refunded.Money != "refunded" || refunded.Changed != (n < 2) {
				t.Errorf("refund %d: %+v", n+1, refunded)
			}
		}
		if got := l.available(); got != before+3 {
			t.Errorf("%d can be spent after the refund, %d before", got, before)
		}
		story, err := l.operator.Message(t.Context(), lost.ID)
		ok(t, err)
		if !slices.Equal(kinds(story.Ledger), []string{"reserve", "settle", "refund"}) || story.Steps[len(story.Steps)-1].What != "refunded" {
			t.Errorf("%+v", story)
		}
		delivered := l.send(delivers, "delivered")
		for name, f := range map[string]func(context.Context, string, string) (api.MessageChanged, error){"requeue": l.operator.RequeueMessage, "refund": l.operator.RefundMessage} {
			if _, err := f(t.Context(), delivered.ID, ""); err == nil || !strings.Contains(err.Error(), "it was delivered") {
				t.Errorf("%s of a delivered message: %v", name, err)
			}
		}
		l.clean()
	})
}

func fatal(t *testing.T, story api.MessageStory) bool {
	t.Helper()
	t.Fatalf("%+v", story)
	return false
}

func (l *letters) available() core.Credits {
	l.t.Helper()
	credit, err := l.operator.AppCredit(l.t.Context(), l.app)
	ok(l.t, err)
	return credit.Pools[0].Available
}

// TestAReplyComesToItsApp over SMPP: it is kept, told to the app whose message
// it answers, and opts out.
func TestAReplyComesToItsApp(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		l := startLetters(t, database)
		story := l.send(delivers, "delivered")
		ok(t, l.center.SendText(t.Context(), "yanma", "86"+delivers, "YANMA", "TD"))
		l.gotCall("reply 0 0 +86" + delivers + " TD")
		replies, err := l.operator.Replies(t.Context(), l.app, "", 0)
		ok(t, err)
		if r := replies.Replies; len(r) != 1 || r[0].Text != "TD" || !r[0].OptOut || r[0].Message != story.ID || r[0].App != l.app || r[0].Phone != "138****8000" {
			t.Errorf("%+v", r)
		}
		l.clean()
	})
}

// TestACallbackURLMustBeTheApps: it must answer echostr, and lead nowhere inside.
func TestACallbackURLMustBeTheApps(t *testing.T) {
	l := startLetters(t, "")
	for _, bad := range []string{"http://127.0.0.1:1/", "http://10.0.0.1:1/", "http://169.254.169.254/latest", "ftp://example.com/", l.PublicURL() + "/healthz"} {
		if _, err := l.operator.UpdateApp(t.Context(), l.app, tenant.Patch{CallbackURL: &bad}); err == nil || !strings.Contains(err.Error(), "callback_url") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	view, err := l.operator.App(t.Context(), l.app)
	ok(t, err)
	if view.Settings.CallbackURL != l.url {
		t.Errorf("a refused URL was set: %s", view.Settings.CallbackURL)
	}
	none := ""
	view, err = l.operator.UpdateApp(t.Context(), l.app, tenant.Patch{CallbackURL: &none})
	ok(t, err)
	if view.Settings.CallbackURL != "" {
		t.Error("it can not be ended")
	}
}
