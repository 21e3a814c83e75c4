package guard

import (
	"strings"
	"testing"
	"time"
)

// The defaults are those of contracts/README.md §6 and contracts/yunbox.md §6, §7.
func TestDefaultRules(t *testing.T) {
	minute, hour, day := time.Minute, time.Hour, 24*time.Hour
	want := map[string]Rule{
		"number_app":          {Exceeded: Refuse, Windows: []Window{{1, 60 * time.Second, false}, {5, hour, false}, {10, day, false}}},
		"number_tenant":       {Exceeded: Refuse, Windows: []Window{{40, day, false}}},
		"number_installation": {Exceeded: Alert, Windows: []Window{{100, day, false}}},
		"content":             {Exceeded: Refuse, Windows: []Window{{1, 30 * time.Second, false}}},
		"ip_send":             {Exceeded: Challenge, RefuseTimes: 10, Windows: []Window{{50, minute, false}, {500, hour, false}}},
		"ip_check_failed":     {Exceeded: Refuse, Windows: []Window{{150, hour, false}}},
		"auth_failed":         {Exceeded: Refuse, Windows: []Window{{60, minute, false}}},
		"get_devices":         {Exceeded: Refuse, Windows: []Window{{60, minute, false}}},
		"get_devices_miss":    {Exceeded: Refuse, Windows: []Window{{20, minute, false}}},
		"devices_user":        {Exceeded: Refuse, Windows: []Window{{10, hour, false}}},
		"browser_script":      {Exceeded: Refuse, Windows: []Window{{600, minute, false}}},
		// contracts/oneaccess.md §2.1
		"captcha_get":     {Exceeded: Refuse, Windows: []Window{{120, minute, false}}},
		"captcha_check":   {Exceeded: Refuse, Windows: []Window{{600, minute, false}}},
		"captcha_failed":  {Exceeded: Refuse, Windows: []Window{{5, minute, false}}},
		"captcha_blocked": {Exceeded: Refuse, Windows: []Window{{1, 300 * time.Second, false}}},
		"captcha_work":    {Exceeded: Refuse, Windows: []Window{{120, minute, false}}},
		// contracts/jsms.md §1.1, §8, §9, §14
		"jsms_code":    {Exceeded: Refuse, Windows: []Window{{1, 30 * time.Second, false}, {200, day, false}}},
		"jsms_voice":   {Exceeded: Refuse, Windows: []Window{{1, 20 * time.Second, false}}},
		"jsms_notice":  {Exceeded: Refuse, Windows: []Window{{3, 10 * minute, false}}},
		"jsms_market":  {Exceeded: Refuse, Windows: []Window{{3, 10 * minute, false}}},
		"jsms_valid":   {Exceeded: Refuse, Windows: []Window{{600, minute, false}}},
		"jsms_balance": {Exceeded: Refuse, Windows: []Window{{10, minute, false}}},
		"jsms_pull":    {Exceeded: Refuse, Windows: []Window{{1, 5 * time.Second, false}}},
	}
	rules := DefaultRules()
	if err := rules.Check(); err != nil {
		t.Fatal(err)
	}
	kinds := map[uint8]string{}
	for _, rule := range rules.All() {
		w, ok := want[rule.Name]
		if !ok || rule.Exceeded != w.Exceeded || rule.RefuseTimes != w.RefuseTimes || len(rule.Windows) != len(w.Windows) {
			t.Errorf("%s: %+v", rule.Name, rule)
			continue
		}
		for i := range w.Windows {
			if rule.Windows[i] != w.Windows[i] {
				t.Errorf("%s: window %+v, want %+v", rule.Name, rule.Windows[i], w.Windows[i])
			}
		}
		if other := kinds[rule.Kind]; other != "" || rule.Kind == 0 || rule.Kind >= network {
			t.Errorf("%s has the kind %d of %q", rule.Name, rule.Kind, other)
		}
		kinds[rule.Kind] = rule.Name
		delete(want, rule.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	if on, err := rules.With(map[string][]string{"number_checks": {"5/1s"}}); rules.NumberChecks != nil || err != nil || on.NumberChecks.Windows[0].Max != 5 {
		t.Errorf("number_checks is off unless it is set: %v, %v", on.NumberChecks, err)
	}
	if len(NoLimits().All()) != 0 {
		t.Error("NoLimits has limits")
	}
}

func TestOverrides(t *testing.T) {
	rules, err := DefaultRules().With(map[string][]string{"number_app": {"2/90s", "20/day"}, "content": {}})
	if err != nil {
		t.Fatal(err)
	}
	if rules.Content != nil || len(rules.NumberApp.Windows) != 2 ||
		rules.NumberApp.Windows[0] != (Window{2, 90 * time.Second, false}) || rules.NumberApp.Windows[1] != (Window{20, 24 * time.Hour, true}) {
		t.Fatalf("%+v, %+v", rules.NumberApp, rules.Content)
	}
	if again, err := rules.WithForApp(map[string][]string{"content": {"1/minute"}}); err != nil || again.Content.Kind != 4 || rules.Content != nil {
		t.Fatalf("turning a limit on again: %+v, %v", again.Content, err)
	}
	if DefaultRules().NumberApp.Windows[0].Max != 1 {
		t.Fatal("an override changed the defaults")
	}
	for text, want := range map[string]string{
		"5":          `number_app: window "5": want a number, a slash and a time, as in 5/1h or 10/day`,
		"x/1h":       `number_app: window "x/1h": want a number`,
		"5/week":     `number_app: window "5/week": the time is a duration`,
		"0/1h":       "number_app: window of 0 per 1h0m0s: at least 1 must pass",
		"-1/1h":      "at least 1 must pass",
		"5/169h":     "the time must be 1s to 168h0m0s",
		"5/10ms":     "the time must be 1s",
		"5/1.0001s":  "whole milliseconds only",
		"70000/day":  "at most 65536 can be counted",
		"7/0x":       "the time is a duration",
		"5/1h extra": "the time is a duration",
	} {
		if _, err := DefaultRules().With(map[string][]string{"number_app": {text}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	_, err = DefaultRules().With(map[string][]string{"numbers": {"1/1h"}, "ip_send": {"7000/1h"}})
	if err == nil || !strings.Contains(err.Error(), "numbers: no such limit") || !strings.Contains(err.Error(), "ip_send: window of 7000 per 1h0m0s: at most 6553 can be counted") {
		t.Errorf("%v", err)
	}
	if _, err = DefaultRules().WithForApp(map[string][]string{"number_installation": {"1/1h"}}); err == nil || err.Error() != "number_installation: can only be set for the whole installation" {
		t.Errorf("%v", err)
	}
	if bad := (&Rule{Name: "x", Exceeded: Refuse, Windows: []Window{{1, 2 * time.Hour, true}}}).Check(); bad == nil || !strings.Contains(bad.Error(), "only minute, hour or day") {
		t.Errorf("%v", bad)
	}
}

// Where no challenge can be asked for, the limit per address refuses; the
// installation's limit of a number still does not, and r itself is unchanged.
func TestUnchallenged(t *testing.T) {
	rules := DefaultRules()
	r := rules.Unchallenged()
	if r.IPSend.Exceeded != Refuse || r.IPSend.HardMax(r.IPSend.Windows[0]) != 50 || r.NumberInstallation.Exceeded != Alert ||
		r.NumberApp != rules.NumberApp || rules.IPSend.Exceeded != Challenge || rules.IPSend.HardMax(rules.IPSend.Windows[0]) != 500 {
		t.Fatalf("%+v, %+v", r.IPSend, rules.IPSend)
	}
	if NoLimits().Unchallenged() != NoLimits() {
		t.Fatal("limits out of nothing")
	}
}

func TestRetention(t *testing.T) {
	for per, want := range map[time.Duration]time.Duration{
		time.Minute: 2 * time.Minute, 2 * time.Minute: 2 * time.Minute, 121 * time.Second: 15 * time.Minute, time.Hour: time.Hour,
		24 * time.Hour: 24 * time.Hour, 25 * time.Hour: 168 * time.Hour, 168 * time.Hour: 168 * time.Hour,
	} {
		rule := Rule{Windows: []Window{{1, time.Second, false}, {1, per, false}}}
		if got := rule.Retention().Duration(); got != want {
			t.Errorf("%v is kept %v, want %v", per, got, want)
		}
	}
}

// What Journal writes ReadJournal reads, except for the short windows, however
// many buckets there are; joined rows read like separate ones.
func TestJournal(t *testing.T) {
	const at = 1_763_740_770_123
	var row []byte
	var want []Mark
	for _, n := range []int{0, 1, 3, 8, 9, 300} {
		taken := NewTaken(at)
		for i := range n {
			m := Mark{Subject: uint64(n)<<40 + uint64(i), Retention: Retention(1 + i%6)}
			taken.Add(m)
			if m.Retention > ShortRetention {
				want = append(want, m)
			}
			if taken.Mark(i) != m || taken.Len() != i+1 {
				t.Fatalf("mark %d of %d: %v", i, n, taken.Mark(i))
			}
		}
		row = taken.Journal(row)
	}
	var got []Mark
	err := ReadJournal(row, func(when int64, m Mark) {
		if when != at {
			t.Fatalf("time %d", when)
		}
		got = append(got, m)
	})
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v: %d events, want %d", err, len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("event %d: %v, want %v", i, got[i], want[i])
		}
	}
	for cut := range 16 {
		if err := ReadJournal(row[:cut], func(int64, Mark) {}); (err == nil) != (cut == 0) {
			t.Errorf("a row of %d bytes: %v", cut, err)
		}
	}
}

func FuzzReadJournal(f *testing.F) {
	taken := NewTaken(1)
	taken.Add(Mark{7, 5})
	f.Add(taken.Journal(nil))
	f.Fuzz(func(t *testing.T, row []byte) {
		n := 0
		_ = ReadJournal(row, func(int64, Mark) { n++ })
		if n > len(row)/frameEvent {
			t.Fatalf("%d events in %d bytes", n, len(row))
		}
	})
}
