package app

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade/facadetest"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// TestReq43_JSMSExchanges runs every exchange of the jsms dialect against the
// server as it is wired: typed from contracts/jsms.md.
func TestReq43_JSMSExchanges(t *testing.T) {
	facadetest.Run(t, facadetest.JSMS("../facade/jsms/testdata/*.txtar", func(t *testing.T) facadetest.Env { return startJSMS(t) }))
}

// jsmsServer is a whole server whose apps speak jsms.
type jsmsServer struct {
	*whole
	basic map[string]string
}

// The pair of contracts/jsms.md §1.1, and others of its form.
const (
	jsmsKey, jsmsSecret           = "7d431e42dfa6a6d693ac2d04", "5e987ac6d2e04d95a9d8f0d1"
	otherJSMSKey, otherJSMSSecret = "0123456789abcdef01234567", "zyxwvutsrqponmlkjihgfedc"
	thirdJSMSKey, thirdJSMSSecret = "fedcba9876543210fedcba98", "a0b1c2d3e4f5g6h7i8j9k0l1"
	developerKey, developerSecret = "89abcdef0123456789abcdef", "abcdefghijklmnopqrstuvwx"
)

func startJSMS(t *testing.T) *jsmsServer {
	t.Helper()
	w := startWhole(t)
	w.config.Messages.Words = filepath.Join(t.TempDir(), "words")
	ok(t, os.WriteFile(w.config.Messages.Words, []byte("违禁词\n"), 0o600))
	w.reopen(t)
	for i, pair := range []tenant.JSMSKey{{Name: jsmsKey, Secret: core.NewSecret(jsmsSecret)}, {Name: otherJSMSKey, Secret: core.NewSecret(otherJSMSSecret)}} {
		ok(t, w.admin.EnsureDialect(t.Context(), operatorOfTests, w.ids[i], tenant.DialectJSMS))
		_, err := w.admin.EnsureJSMS(t.Context(), operatorOfTests, w.ids[i], tenant.DialectJSMS, pair)
		ok(t, err)
	}
	_, err := w.admin.EnsureJSMS(t.Context(), operatorOfTests, w.ids[0], tenant.DialectJSMSDeveloper,
		tenant.JSMSKey{Name: developerKey, Secret: core.NewSecret(developerSecret)})
	ok(t, err)
	w.patch(t, tenant.Patch{SMSPrice: tenant.PriceOf(1), VoicePrice: tenant.PriceOf(1)})
	basic := func(name, secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+secret))
	}
	return &jsmsServer{whole: w, basic: map[string]string{"basic": basic(jsmsKey, jsmsSecret), "other": basic(otherJSMSKey, otherJSMSSecret),
		"developer": basic(developerKey, developerSecret), "swapped": basic(jsmsKey, developerSecret), "third": basic(thirdJSMSKey, thirdJSMSSecret)}}
}

// addThird makes an app that has no balance and no signature.
func (s *jsmsServer) addThird(t *testing.T) {
	t.Helper()
	first, _ := s.directory.App(s.whole.ids[0])
	dialects := []tenant.Dialect{tenant.DialectJSMS}
	app, _, err := s.admin.CreateApp(t.Context(), operatorOfTests, tenant.Spec{Tenant: first.Tenant, Name: "third", Settings: tenant.Patch{Dialects: &dialects}})
	ok(t, err)
	_, err = s.admin.EnsureJSMS(t.Context(), operatorOfTests, app.ID, tenant.DialectJSMS, tenant.JSMSKey{Name: thirdJSMSKey, Secret: core.NewSecret(thirdJSMSSecret)})
	ok(t, err)
}

// Value knows the headers.
func (s *jsmsServer) Value(name string, args []string) (string, bool) {
	if header, known := s.basic[name]; known {
		return header, true
	}
	switch name {
	case "time":
		if d, err := time.ParseDuration(args[0]); err == nil {
			return s.clock.Now().Add(d).In(time.FixedZone("Asia/Shanghai", 8*60*60)).Format("2006-01-02 15:04:05"), true
		}
	case "more":
		if n, err := strconv.Atoi(args[0]); err == nil {
			return strings.Repeat(`,{"mobile":"x"}`, n), true
		}
	}
	return s.whole.Value(name, args)
}

// Do carries out what the exchanges ask for.
func (s *jsmsServer) Do(t *testing.T, directive string, args []string) {
	t.Helper()
	on := args[0] == "on"
	switch directive {
	case "template":
		s.addTemplate(t, args)
	case "sign":
		s.addSign(t, args)
	case "deny":
		denied := []string{}
		if args[0] != "nothing" {
			denied = args
		}
		app, _ := s.directory.App(s.whole.ids[0])
		_, err := s.admin.UpdateTenant(t.Context(), operatorOfTests, app.Tenant, tenant.TenantPatch{Denied: &denied})
		ok(t, err)
	case "dialects":
		var all []tenant.Dialect
		for _, d := range args {
			all = append(all, tenant.Dialect(d))
		}
		s.patch(t, tenant.Patch{Dialects: &all})
	case "require-auth-on-valid":
		s.patch(t, tenant.Patch{RequireAuth: &on})
	case "wanted-none":
		s.optOut(t, args[0])
	case "third":
		s.addThird(t)
	case "hour":
		s.untilHour(t, args[0])
	case "received":
		s.awaitReceipts(t, args[0])
	case "callback-url":
		s.patch(t, tenant.Patch{CallbackURL: &args[0]})
	default:
		s.whole.Do(t, directive, args)
	}
}

func (s *jsmsServer) addTemplate(t *testing.T, args []string) {
	t.Helper()
	kind, _ := message.KindNamed(args[1])
	ttl, err := strconv.Atoi(args[3])
	ok(t, err)
	app := s.whole.ids[0]
	_, err = s.messages.AddTemplate(t.Context(), operatorOfTests, catalogue.NewTemplate{App: app, Ref: args[0], Kind: kind,
		Text: strings.Join(args[4:], " "), TTL: time.Duration(ttl) * time.Second})
	ok(t, err)
	if args[2] != "pending" {
		_, err = s.messages.JudgeTemplate(t.Context(), operatorOfTests, app, args[0], catalogue.Verdict{Approve: args[2] == "approved", Reason: ""})
		ok(t, err)
	}
}

func (s *jsmsServer) addSign(t *testing.T, args []string) {
	t.Helper()
	app := s.whole.ids[0]
	_, err := s.messages.AddSignature(t.Context(), operatorOfTests, catalogue.NewSignature{App: app, Ref: args[0], Text: args[2], Kind: 1})
	ok(t, err)
	if args[1] != "pending" {
		_, err = s.messages.JudgeSignature(t.Context(), operatorOfTests, app, args[0], catalogue.Verdict{Approve: args[1] == "approved"})
		ok(t, err)
	}
}

// optOut says that a number wants no marketing of the first app.
func (s *jsmsServer) optOut(t *testing.T, number string) {
	t.Helper()
	app, _ := s.directory.App(s.whole.ids[0])
	out, err := s.dispatch.OptOuts().Reply(t.Context(), app, "", core.PhoneFromE164("+86"+number), "TD")
	ok(t, err)
	if !out {
		t.Fatal("TD is no opt-out")
	}
}

// untilHour advances the clock to the next full hour of that name in China.
func (s *jsmsServer) untilHour(t *testing.T, hour string) {
	t.Helper()
	n, err := strconv.Atoi(hour)
	ok(t, err)
	now := s.clock.Now().In(message.China())
	at := time.Date(now.Year(), now.Month(), now.Day(), n, 0, 0, 0, message.China())
	if !at.After(now) {
		at = at.AddDate(0, 0, 1)
	}
	s.clock.Advance(at.Sub(now))
}

// awaitReceipts waits until so many receipts of carriers are stored.
func (s *jsmsServer) awaitReceipts(t *testing.T, n string) {
	t.Helper()
	for end := time.Now().Add(patient); ; time.Sleep(time.Millisecond) {
		var stored int64
		ok(t, s.database.View(t.Context(), func(q store.SQL) error {
			return q.Query(t.Context(), "SELECT COUNT(*) FROM event WHERE kind = 1", func(r store.Scanner) error { return r.Scan(&stored) })
		}))
		if strconv.FormatInt(stored, 10) == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d receipts are stored, want %s", stored, n)
		}
	}
}
