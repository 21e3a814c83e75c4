package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/tenant"
)

// settings reads what an app has after a change that has to succeed.
func (l *live) settings(t *testing.T, args ...string) tenant.AppView {
	t.Helper()
	r := l.run(t, append([]string{"app", "set", "3", "--json"}, args...)...)
	var app tenant.AppView
	if err := json.Unmarshal([]byte(r.out), &app); err != nil || r.code != 0 {
		t.Fatalf("%v: %+v", args, r)
	}
	return app
}

// Repeated flags add up, commas work, and every list can be emptied.
func testAppSettings(t *testing.T, l *live) {
	for signature, want := range map[string]string{
		"云":           "signature: it has 1 characters, want 2 to 10",
		"一二三四五六七八九十一": "signature: it has 11 characters, want 2 to 10",
		"【云盒】":        "signature: it must not contain 【 or 】: they are put around it",
		" 云盒":         "signature: it begins or ends with a blank",
		"":            "signature: it has 0 characters, want 2 to 10",
	} {
		l.golden(t, "yanma: A member has a value that is not taken: "+want+".\n", "app", "create", "bad", "--tenant", "2", "--signature", signature)
	}
	l.golden(t, "yanma: A member has a value that is not taken: signature: it has 0 characters, want 2 to 10.\n", "app", "create", "bad", "--tenant", "2")
	l.golden(t, ""+
		"app 3 \"lists\" made.\n"+
		"key: KEY\n"+
		"It is not stored and will not be shown again.\n"+
		"next: give it credit with yanma credit add --tenant 2 AMOUNT, then POST /get-code with the key (docs/yunbox.md)\n",
		"app", "create", "lists", "--tenant", "2", "--signature", "云盒", "--tenant-pays")
	if next := nextStep(tenant.AppView{ID: 4, Settings: tenant.Settings{Dialects: []tenant.Dialect{tenant.DialectOneaccess}}}); next !=
		"give it credit with yanma credit add --app 4 AMOUNT, then see yanma app oneaccess --help for its credentials (docs/oneaccess.md)" {
		t.Error(next)
	}

	s := l.settings(t, "--country", "CN", "--country", "SG,HK", "--allow-source", "10.0.0.0/8", "--allow-source", "192.0.2.1, ::1",
		"--dialect", "yunbox", "--dialect", "jsms", "--limit", "number_app=1/60s", "--limit", "number_app=5/1h,10/24h", "--limit", "content=",
		"--test-number", "12345678910=4433", "--test-number", "12345678911=4434")
	if got := strings.Join(s.Settings.Countries, " "); got != "CN SG HK" {
		t.Errorf("countries = %s", got)
	}
	if got := strings.Join(s.Settings.AllowedSources, " "); got != "10.0.0.0/8 192.0.2.1 ::1" {
		t.Errorf("sources = %s", got)
	}
	if got := list(s.Settings.Dialects); got != "yunbox, jsms" {
		t.Errorf("dialects = %s", got)
	}
	if got := s.Settings.Limits; len(got) != 2 || strings.Join(got["number_app"], " ") != "1/60s 5/1h 10/24h" || got["content"] == nil || len(got["content"]) != 0 {
		t.Errorf("limits = %v", got)
	}
	if len(s.TestNumbers) != 2 {
		t.Errorf("test numbers = %v", s.TestNumbers)
	}
	// What is not said stays.
	if s = l.settings(t, "--device-cap", "5"); len(s.Settings.Countries) != 3 || len(s.Settings.AllowedSources) != 3 || len(s.Settings.Limits) != 2 {
		t.Errorf("settings = %+v", s.Settings)
	}
	s = l.settings(t, "--limit", "default", "--allow-source", "", "--test-number", "none")
	if len(s.Settings.Limits) != 0 || len(s.Settings.AllowedSources) != 0 || len(s.TestNumbers) != 0 || len(s.Settings.Countries) != 3 {
		t.Errorf("settings = %+v, %v", s.Settings, s.TestNumbers)
	}
	for _, c := range [][]string{
		{"--limit", "", "--limit: want RULE=WINDOWS, or default for none of its own, but got \"\""},
		{"--limit", "number_app", "--limit: want RULE=WINDOWS, or default for none of its own, but got \"number_app\""},
		{"--test-number", "123", "--test-number: want NUMBER=CODE, or none for no test number"},
	} {
		l.run(t, "app", "set", "3", c[0], c[1]).want(t, result{code: 2, err: "yanma: " + c[2] + " (see yanma --help)\n"})
	}
	l.golden(t, "yanma: A member has a value that is not taken: test_numbers: entry 2: the number stands there twice.\n",
		"app", "set", "3", "--test-number", "12345678910=4433", "--test-number", "12345678910=4434")
	if help := l.run(t, "app", "set", "--help").out; strings.Contains(help, "GET devices and tunnel want") {
		t.Error("the tunnel always wants the key (contracts/yunbox.md §7)")
	}
}

func testNumbers(t *testing.T, l *live) {
	l.golden(t, ""+
		"number:  138****8000\n"+
		"app:     2\n"+
		"locked:  no\n", "number", "show", "--app", "2", "--phone", "+8613800138000")
	l.golden(t, "138****8000 had no wrong tries in app 2.\n", "number", "unlock", "--app", "2", "--phone", "13800138000")
	l.golden(t, "yanma: phone: not a mobile number.\n", "number", "unlock", "--app", "2", "--phone", "1380013")
	l.golden(t, "yanma: phone: a test number.\n", "number", "show", "--app", "2", "--phone", "12345678910")
	l.golden(t, "yanma: It does not exist: no such app.\n", "number", "unlock", "--app", "99", "--phone", "13800138000")
	r := l.run(t, "number", "show", "--app", "2")
	r.want(t, result{code: 2, err: "yanma: missing flags: --phone=NUMBER (see yanma --help)\n"})
}

func testKeyring(t *testing.T, l *live) {
	status := func(generation, code, field, index string) string {
		return "" +
			"generation:  " + generation + "\n" +
			"code keys:   " + code + "\n" +
			"field keys:  " + field + "\n" +
			"token keys:  1\n" +
			"index:       " + index + "\n" +
			"reseal:      not running, 0 rows since the start\n"
	}
	l.golden(t, status("1", "1", "1", "steady"), "keyring", "status")
	l.golden(t, status("2", "2", "1", "steady"), "keyring", "rotate", "code")
	l.golden(t, status("3", "2", "2", "steady"), "keyring", "rotate", "field")
	l.golden(t, status("3", "2", "2", "steady"), "keyring", "retire", "code", "--keep", "2")
	r := l.run(t, "keyring", "retire", "code", "--keep", "1")
	if r.code != 1 || !strings.Contains(r.err, "requests that began before the rotation may still use an older key: try again in 1") {
		t.Errorf("%+v", r)
	}
	l.golden(t, "yanma: A member has a value that is not taken: keep: the newest key stays: want 1 or more.\n", "keyring", "retire", "code", "--keep", "0")
	l.run(t, "keyring", "retire", "index", "--keep", "1").want(t, result{code: 2,
		err: "yanma: <kind> must be one of \"code\",\"field\",\"token\" but got \"index\" (see yanma --help)\n"})
	if r := l.run(t, "keyring", "rotate", "index"); r.code != 0 || !strings.Contains(r.out, "under way") {
		t.Errorf("%+v", r)
	}
	l.golden(t, "yanma: It conflicts with what there is: a rotation of the index is under way.\n", "keyring", "rotate", "index")
	if r := l.run(t, "keyring", "reseal"); r.code != 0 || !strings.Contains(r.out, "reseal:      under way, 0 rows") {
		t.Errorf("%+v", r)
	}
}
