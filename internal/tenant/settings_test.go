package tenant

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
)

// An app of which only the signature was set (contracts/README.md §4, §5,
// yunbox.md §2, §4.3).
func TestDefaults(t *testing.T) {
	w := newWorld(t)
	view, _ := w.app(t, "shop")
	app, _ := w.directory.App(view.ID)
	if app.CodeLength != 6 || app.CodeLife != 300*time.Second || app.SMSPrice != 1 || app.LoginPrice != 0 || app.DeviceCap != 100 ||
		app.TenantPays || app.RequireKeyOnGet || app.Disabled || app.ImportedUsers || app.Callers != 0 || len(app.TestNumbers) != 0 {
		t.Errorf("app = %+v", app)
	}
	if len(app.Countries) != 1 || app.Countries[0] != "CN" || !app.Uses(DialectYunbox) || app.Uses(DialectJSMS) {
		t.Errorf("app = %+v", app)
	}
	if _, err := guard.ParsePhone("13800138000", app.Phones); err != nil {
		t.Errorf("a Chinese number is refused: %v", err)
	}
	if _, err := guard.ParsePhone("+14155550123", app.Phones); err == nil {
		t.Error("an American number is taken")
	}
	if app.Limits != guard.DefaultRules() && app.Limits.NumberApp == nil {
		t.Error("no limits")
	}
	if app.Unchallenged.IPSend == nil || app.Unchallenged.IPSend.Exceeded != guard.Refuse {
		t.Errorf("Unchallenged = %+v", app.Unchallenged.IPSend)
	}
	if !app.Allows(netip.MustParseAddr("192.0.2.1")) {
		t.Error("an app without a list refuses an address")
	}
}

func TestEverySettingReachesTheSnapshot(t *testing.T) {
	w := newWorld(t)
	view, _ := w.app(t, "shop")
	_, err := w.admin.UpdateApp(context.Background(), by, view.ID, Patch{
		Name: new("kiosk"), Dialects: &[]Dialect{DialectYunbox, DialectJSMS}, Signature: new("售货亭"), CodeText: new("码{code}"),
		CodeDomain: new("example.com"), Sender: new("10690000"), CodeLength: new(8), CodeLife: new(120),
		SMSPrice: PriceOf(3), LoginPrice: PriceOf(2), TenantPays: new(true), Countries: &[]string{"CN", "US"},
		AllowedSources: &[]string{"192.0.2.0/24", "2001:db8::1", "198.51.100.7"}, Callers: new("end_users"),
		Limits: &Limits{"number_app": {"2/60s"}, "content": {}}, RequireKeyOnGet: new(true), DeviceCap: new(5),
		TestNumbers: &[]TestNumber{{Literal: "12345678910", Code: "4433"}},
	})
	must(t, err)
	app, _ := w.directory.App(view.ID)
	if app.Name != "kiosk" || !app.Uses(DialectJSMS) || app.Template.Signature != "售货亭" || app.Template.Text != "码{code}" ||
		app.Template.Domain != "example.com" || app.Sender != "10690000" || app.CodeLength != 8 || app.CodeLife != 2*time.Minute ||
		app.SMSPrice != 3 || app.LoginPrice != 2 || !app.TenantPays || app.Callers != guard.CallersEndUsers ||
		!app.RequireKeyOnGet || app.DeviceCap != 5 {
		t.Errorf("app = %+v", app)
	}
	if len(app.Limits.NumberApp.Windows) != 1 || app.Limits.NumberApp.Windows[0].Max != 2 || app.Limits.Content != nil {
		t.Errorf("limits = %+v", app.Limits)
	}
	for address, want := range map[string]bool{"192.0.2.9": true, "192.0.3.9": false, "2001:db8::1": true, "2001:db8::2": false, "198.51.100.7": true} {
		if app.Allows(netip.MustParseAddr(address)) != want {
			t.Errorf("Allows(%s) = %v", address, !want)
		}
	}
	if code, ok := app.TestCode("12345678910"); !ok || code != "4433" {
		t.Errorf("TestCode = %q, %v", code, ok)
	}
	// What a patch does not name stays.
	_, err = w.admin.UpdateApp(context.Background(), by, view.ID, Patch{DeviceCap: new(6), SMSPrice: Price{Set: true}})
	must(t, err)
	app, _ = w.directory.App(view.ID)
	if app.DeviceCap != 6 || app.CodeLength != 8 || len(app.TestNumbers) != 1 || app.SMSPrice != 1 || app.LoginPrice != 2 {
		t.Errorf("app = %+v", app)
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	view, _ := w.app(t, "shop")
	tests := make([]TestNumber, 101)
	for i := range tests {
		tests[i] = TestNumber{Literal: strings.Repeat("1", i/10+1) + string(rune('0'+i%10)), Code: "1234"}
	}
	number := func(literal, code string) Patch {
		return Patch{TestNumbers: &[]TestNumber{{Literal: literal, Code: code}}}
	}
	for name, c := range map[string]struct {
		field string
		patch Patch
	}{
		"code of 3":                {"code_length", Patch{CodeLength: new(3)}},
		"code of 11":               {"code_length", Patch{CodeLength: new(11)}},
		"no life":                  {"code_life_seconds", Patch{CodeLife: new(0)}},
		"life of 601 s":            {"code_life_seconds", Patch{CodeLife: new(601)}},
		"negative price":           {"sms_price", Patch{SMSPrice: PriceOf(-1)}},
		"huge price":               {"sms_price", Patch{SMSPrice: PriceOf(1_000_000_001)}},
		"negative login price":     {"login_price", Patch{LoginPrice: PriceOf(-1)}},
		"no country":               {"countries", Patch{Countries: &[]string{}}},
		"unknown country":          {"countries", Patch{Countries: &[]string{"CN", "XX"}}},
		"lower-case country":       {"countries", Patch{Countries: &[]string{"cn"}}},
		"country twice":            {"countries", Patch{Countries: &[]string{"CN", "CN"}}},
		"unknown limit":            {"limits", Patch{Limits: &Limits{"number_ap": {"1/60s"}}}},
		"bad window":               {"limits", Patch{Limits: &Limits{"number_app": {"1 per minute"}}}},
		"limit of nobody's":        {"limits", Patch{Limits: &Limits{"number_installation": {"1/60s"}}}},
		"empty signature":          {"signature", Patch{Signature: new("")}},
		"long signature":           {"signature", Patch{Signature: new("一二三四五六七八九十一")}},
		"brackets in signature":    {"signature", Patch{Signature: new("【验码】")}},
		"text without code":        {"code_text", Patch{CodeText: new("hello")}},
		"domain with a path":       {"code_domain", Patch{CodeDomain: new("example.com/x")}},
		"short app hash":           {"code_app_hash", Patch{CodeAppHash: new("abc")}},
		"sender with blank":        {"sender", Patch{Sender: new("a b")}},
		"long sender":              {"sender", Patch{Sender: new(strings.Repeat("1", 21))}},
		"unknown callers":          {"callers", Patch{Callers: new("robots")}},
		"unknown dialect":          {"dialects", Patch{Dialects: &[]Dialect{"smoke"}}},
		"dialect twice":            {"dialects", Patch{Dialects: &[]Dialect{"jsms", "jsms"}}},
		"source that is a name":    {"allowed_sources", Patch{AllowedSources: &[]string{"example.com"}}},
		"source with host bits":    {"allowed_sources", Patch{AllowedSources: &[]string{"192.0.2.1/24"}}},
		"source with a zone":       {"allowed_sources", Patch{AllowedSources: &[]string{"fe80::1%eth0"}}},
		"no devices":               {"device_cap", Patch{DeviceCap: new(0)}},
		"too many devices":         {"device_cap", Patch{DeviceCap: new(10_001)}},
		"test number without code": {"test_numbers", number("12345678910", "")},
		"test code of letters":     {"test_numbers", number("12345678910", "44a3")},
		"test number empty":        {"test_numbers", number("", "4433")},
		"test number with blank":   {"test_numbers", number("123 456", "4433")},
		"long test number":         {"test_numbers", number(strings.Repeat("1", 33), "4433")},
		"too many test numbers":    {"test_numbers", Patch{TestNumbers: &tests}},
		"test number twice":        {"test_numbers", Patch{TestNumbers: &[]TestNumber{{"123", "4433"}, {"123", "4434"}}}},
		"empty name":               {"name", Patch{Name: new("")}},
		"name with newline":        {"name", Patch{Name: new("a\nb")}},
		"name with blank around":   {"name", Patch{Name: new(" a")}},
		"long name":                {"name", Patch{Name: new(strings.Repeat("x", 65))}},
	} {
		t.Run(name, func(t *testing.T) {
			before := w.directory.Revision()
			_, err := w.admin.UpdateApp(context.Background(), by, view.ID, c.patch)
			var e *core.Error
			if !errors.As(err, &e) || e.Kind != core.KindBadField || e.Field != c.field || e.Detail == "" {
				t.Fatalf("error = %v, want bad_field %s", err, c.field)
			}
			if w.directory.Revision() != before {
				t.Error("the revision moved")
			}
		})
	}
}

// Requirement row 1: fewer than six digits only with a warning.
func TestReq01_ShortCodesAreWarnedOf(t *testing.T) {
	w := newWorld(t)
	view, _ := w.app(t, "shop")
	if len(view.Warnings) != 0 {
		t.Errorf("warnings = %v", view.Warnings)
	}
	view, err := w.admin.UpdateApp(context.Background(), by, view.ID, Patch{CodeLength: new(5)})
	must(t, err)
	if len(view.Warnings) != 1 || !strings.Contains(view.Warnings[0], "code_length") {
		t.Errorf("warnings = %v", view.Warnings)
	}
}

// Settings written by a newer version are not silently dropped.
func TestUnknownStoredSettings(t *testing.T) {
	if _, err := decodeSettings(`{"code_length":6,"later":1}`); err == nil {
		t.Error("an unknown setting is ignored")
	}
	s, err := decodeSettings(`{}`)
	if err != nil || s.CodeLength != 6 {
		t.Errorf("settings = %+v, %v", s, err)
	}
}
