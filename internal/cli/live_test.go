package cli

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// live is one yanma dev that all tests of this file ask.
type live struct {
	folder string
	stop   context.CancelFunc
	exit   chan int
	out    *strings.Builder
}

func startDev(t *testing.T) *live {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l := &live{folder: t.TempDir(), stop: stop, exit: make(chan int, 1), out: &strings.Builder{}}
	go func() {
		l.exit <- Run(ctx, []string{"dev", "--data", l.folder, "--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0"},
			World{Stdin: strings.NewReader(""), Stdout: l.out, Stderr: l.out, Getenv: func(string) string { return "" }, Version: "v1.2.3"})
	}()
	t.Cleanup(stop)
	await(t, l.exit, func() bool {
		_, err := os.Stat(filepath.Join(l.folder, "dev.json"))
		return err == nil
	})
	return l
}

// await polls until ready, or fails when the server ended or 20 s passed.
func await(t *testing.T, exit <-chan int, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ready(); time.Sleep(5 * time.Millisecond) {
		select {
		case code := <-exit:
			t.Fatalf("the server ended with %d", code)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("not ready in 20 s")
		}
	}
}

func (l *live) end(t *testing.T) {
	t.Helper()
	l.stop()
	select {
	case code := <-l.exit:
		if code != 0 {
			t.Errorf("exit %d: %s", code, l.out)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("did not stop")
	}
}

func (l *live) run(t *testing.T, args ...string) result {
	t.Helper()
	return run(t, nil, append([]string{args[0], args[1], "--dev", l.folder}, args[2:]...)...)
}

// What differs from run to run stands in the golden texts by name.
var varying = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ`), "TIME................"},
	{regexp.MustCompile(`key: [A-Za-z0-9]{32}\n`), "key: KEY\n"},
	{regexp.MustCompile(`tenant id:  [0-9a-f]{32}\n`), "tenant id:  TENANTID\n"},
	{regexp.MustCompile(`[0-9a-z]{26}\n`), "REQUEST\n"},
	{regexp.MustCompile(`ledger entry \d+`), "ledger entry ID"},
	{regexp.MustCompile(`ids:       \d+`), "ids:       ID"},
}

func (l *live) golden(t *testing.T, want string, args ...string) {
	t.Helper()
	got := l.run(t, args...)
	text := got.out + got.err
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.name)
	}
	wantCode := 0
	if strings.Contains(want, "yanma: ") {
		wantCode = 1
	}
	if text != want || got.code != wantCode {
		t.Errorf("yanma %s: exit %d\n%swant exit %d\n%s", strings.Join(args, " "), got.code, text, wantCode, want)
	}
}

func TestLiveServer(t *testing.T) {
	l := startDev(t)

	t.Run("tenants", func(t *testing.T) {
		l.golden(t, "tenant 2 \"acme\" made.\n", "tenant", "create", "acme")
		l.golden(t, "yanma: It conflicts with what there is: a tenant of this name exists.\n", "tenant", "create", "acme")
		l.golden(t, ""+
			"TENANT  NAME  CREATED\n"+
			"1       demo  TIME................\n"+
			"2       acme  TIME................\n", "tenant", "list")
		l.golden(t, ""+
			"tenant:     2\n"+
			"name:       acme\n"+
			"created:    TIME................\n"+
			"tenant id:  TENANTID\n", "tenant", "show", "2")
		l.golden(t, "yanma: It does not exist: no such tenant.\n", "tenant", "show", "9")
	})

	t.Run("apps", func(t *testing.T) {
		l.golden(t, ""+
			"app 2 \"shop\" made.\n"+
			"key: KEY\n"+
			"It is not stored and will not be shown again.\n"+
			"next: give it credit with yanma credit add --app 2 AMOUNT, then POST /get-code with the key (docs/yunbox.md)\n",
			"app", "create", "shop", "--tenant", "2", "--sms-price", "3", "--signature", "云盒", "--limit", "number_app=2/60s", "--limit", "number_app=6/1h", "--limit", "content=",
			"--test-number", "12345678910=4433", "--allow-source", "10.0.0.0/8", "--allow-source", "::1", "--require-key-on-get",
			"--country", "CN", "--country", "HK", "--dialect", "yunbox")
		l.golden(t, ""+
			"APP  TENANT  NAME  STATE  DIALECTS                                  CREATED\n"+
			"1    1       demo  on     yunbox, camara, submail, jsms, oneaccess  TIME................\n"+
			"2    2       shop  on     yunbox                                    TIME................\n", "app", "list")
		l.golden(t, ""+
			"APP  TENANT  NAME  STATE  DIALECTS  CREATED\n"+
			"2    2       shop  on     yunbox    TIME................\n", "app", "list", "--tenant", "2")
		l.golden(t, shop("shop", "6", "3", ""), "app", "show", "2")
		l.golden(t, shop("shop two", "4", "the installation's", "warning:             code_length: codes of fewer than 6 digits are easier to guess\n"),
			"app", "set", "2", "--name", "shop two", "--code-length", "4", "--sms-price", "default")
		l.golden(t, "yanma: It does not exist: no such app.\n", "app", "show", "99")
		l.golden(t, ""+
			"app 2 has a new key; older ones end: TIME.................\n"+
			"key: KEY\n"+
			"It is not stored and will not be shown again.\n", "app", "rotate-key", "2", "--overlap", "24h")
		l.golden(t, "app 2 is disabled.\n", "app", "disable", "2")
		l.golden(t, "app 2 is on.\n", "app", "enable", "2")
	})

	t.Run("app settings", func(t *testing.T) { testAppSettings(t, l) })
	t.Run("numbers", func(t *testing.T) { testNumbers(t, l) })
	t.Run("guard", func(t *testing.T) { testGuard(t, l) })
	t.Run("keyring", func(t *testing.T) { testKeyring(t, l) })

	t.Run("credit", func(t *testing.T) {
		l.golden(t, "app 2: +100 in pool general, 100 can be spent now (ledger entry ID).\n", "credit", "add", "--app", "2", "100", "--key", "once")
		l.golden(t, "app 2: +100 in pool general, 100 can be spent now (ledger entry ID).\n", "credit", "add", "--app", "2", "100", "--key", "once")
		l.golden(t, "app 2: -5 in pool general, 95 can be spent now (ledger entry ID).\n", "credit", "add", "--app", "2", "--", "-5")
		l.golden(t, "tenant 2: +7 in pool voice, 7 can be spent now (ledger entry ID).\n", "credit", "add", "--tenant", "2", "7", "--pool", "voice")
		l.golden(t, "yanma: The account does not have so many unspent credits.\n", "credit", "add", "--app", "2", "--", "-96")
		l.golden(t, ""+
			"POOL     AVAILABLE  HELD  SPENT  FUNDED\n"+
			"general  95         0     0      95\n", "credit", "show", "--app", "2")
	})

	t.Run("templates", func(t *testing.T) { // approved at once in dev
		l.golden(t, ""+
			"sign:     1\n"+
			"app:      2\n"+
			"text:     云盒\n"+
			"kind:     1\n"+
			"state:    approved\n"+
			"default:  yes\n"+
			"remark:   –\n", "sign", "add", "云盒", "--app", "2", "--import", "1")
		l.golden(t, ""+
			"template:  1250\n"+
			"app:       2\n"+
			"name:      order\n"+
			"kind:      notice\n"+
			"state:     approved\n"+
			"text:      订单{{number}}已发货\n"+
			"remark:    –\n", "template", "add", "订单{{number}}已发货", "--app", "2", "--name", "order", "--import", "1250")
		l.golden(t, ""+
			"template:      1\n"+
			"app:           every app\n"+
			"name:          code\n"+
			"kind:          code\n"+
			"state:         approved\n"+
			"text:          您的验证码是{{code}}，5分钟内有效，请勿泄露。\n"+
			"a code lives:  300 s\n"+
			"remark:        –\n", "template", "show", "1", "--app", "2")
		l.golden(t, "yanma: The text has a 【 or 】: text: 【 and 】 are for the signature, which is put before it.\n", "template", "edit", "1250", "--app", "2", "--text", "【云盒】x")
		l.golden(t, ""+
			"template:  1250\n"+
			"app:       2\n"+
			"name:      order\n"+
			"kind:      notice\n"+
			"state:     rejected: whose?\n"+
			"text:      订单{{number}}已发货\n"+
			"remark:    –\n", "template", "reject", "1250", "--app", "2", "--reason", "whose?")
		l.golden(t, "template 1250 of app 2 is gone.\n", "template", "delete", "1250", "--app", "2")
		l.golden(t, "yanma: It does not exist: template: no such template.\n", "template", "approve", "1250", "--app", "2")
		l.golden(t, "yanma: It can not be changed as it stands: default_signature.\n", "sign", "delete", "1", "--app", "2")
	})

	t.Run("providers", func(t *testing.T) {
		l.golden(t, ""+
			"PROVIDER  UP   WINDOW  DETAIL\n"+
			"handset   yes  0       bound\n"+
			"phone     yes  0       answers OPTIONS\n", "provider", "list")
		l.golden(t, ""+
			"provider:  handset\n"+
			"phone:     138****8000\n"+
			"outcome:   accepted\n"+
			"code:      –\n"+
			"detail:    –\n"+
			"ids:       ID\n", "provider", "test", "handset", "13800138000")
		l.golden(t, "yanma: phone: not a mobile number.\n", "provider", "test", "handset", "1380013800")
		l.golden(t, "yanma: It does not exist: no such provider.\n", "provider", "test", "nobody", "13800138000")
	})

	t.Run("import", func(t *testing.T) { testImport(t, l) })
	t.Run("audit", func(t *testing.T) {
		l.golden(t, "tenant 3 \"last\" made.\n", "tenant", "create", "last")
		r := l.run(t, "audit", "list", "--limit", "1")
		for _, v := range varying {
			r.out = v.pattern.ReplaceAllString(r.out, v.name)
		}
		r.out = regexp.MustCompile(`(?m)^(more: --before )?\d+`).ReplaceAllString(r.out, "${1}#")
		r.out = regexp.MustCompile(` +`).ReplaceAllString(r.out, " ")
		r.want(t, result{out: "ID AT ACTOR ACTION OBJECT REQUEST\n# TIME................ operator tenant.create tenant 3 REQUEST\nmore: --before #\n"})
	})
	t.Run("json", func(t *testing.T) { testJSON(t, l) })
	t.Run("wrong token", func(t *testing.T) { testWrongToken(t, l) })

	l.end(t)
	if r := l.run(t, "app", "list"); r.code != 1 || !strings.HasSuffix(r.err, "dev.json: is yanma dev running on this folder?\n") {
		t.Errorf("after the end: %+v", r)
	}
}

// shop is what app show says of the app that the test made.
func shop(name, digits, price, warning string) string {
	return "" +
		"app:                 2\n" +
		"name:                " + name + "\n" +
		"tenant:              2\n" +
		"state:               on\n" +
		"dialects:            yunbox\n" +
		"signature:           云盒\n" +
		"wording:             –\n" +
		"template's name:     code\n" +
		"time zone:           Asia/Shanghai\n" +
		"domain, app hash:    –, –\n" +
		"sender:              –\n" +
		"codes:               " + digits + " digits, 300 s\n" +
		"plan:                –\n" +
		"price of a segment:  " + price + "\n" +
		"price of a login:    the installation's\n" +
		"price of a call:     the installation's\n" +
		"pays:                the app\n" +
		"countries:           CN, HK\n" +
		"allowed sources:     10.0.0.0/8, ::1\n" +
		"callers:             –\n" +
		"limits:              2 of its own (see --json)\n" +
		"key on GET:          yes\n" +
		"device cap:          100\n" +
		"imported users:      no\n" +
		"test numbers:        123****8910\n" +
		"created:             TIME................\n" +
		"updated:             TIME................\n" +
		warning +
		"KEY  DIALECT  VALID  UNTIL  CREATED\n" +
		"4    yunbox   yes    –      TIME................\n"
}

func testImport(t *testing.T, l *live) {
	good := file(t, "good.jsonl", `{"type":"key","key":"old-key-of-the-vendor"}`+"\n"+
		`{"type":"user","yb_uid":"old-user-1","phone":"13800138001"}`+"\n")
	bad := file(t, "bad.jsonl", `{"type":"user","yb_uid":"old-user-2","phone":"13800138002"}`+"\n"+`{"type":"ghost"}`+"\n")
	report := func(what, keys, users, failed string) string {
		return "import:   " + what + "\nkeys:     " + keys + "\nusers:    " + users + "\ndevices:  0\nfailed:   " + failed + "\n"
	}
	l.golden(t, report("dry run, nothing was changed", "1", "1", "0"), "import", "yunbox", good, "--app", "2", "--dry-run")
	l.golden(t, report("applied", "1", "1", "0"), "import", "yunbox", good, "--app", "2")
	r := l.run(t, "import", "yunbox", bad, "--app", "2")
	if r.code != 1 || !strings.HasPrefix(r.out, "import:   nothing was changed\n") || !strings.Contains(r.out, "\nLINE  PROBLEM\n2     ") ||
		r.err != "yanma: 1 records are not valid. Nothing was imported.\n" || strings.Contains(r.out+r.err, "13800138002") {
		t.Errorf("%+v", r)
	}
	l.golden(t, "yanma: open "+bad+"x: no such file or directory\n", "import", "yunbox", bad+"x", "--app", "2")
}

func testJSON(t *testing.T, l *live) {
	for _, args := range [][]string{{"tenant", "list"}, {"app", "list"}, {"app", "show", "2"}, {"credit", "show", "--tenant", "2"}, {"provider", "list"},
		{"keyring", "status"}, {"number", "show", "--app", "2", "--phone", "13800138000"}, {"number", "unlock", "--app", "2", "--phone", "13800138000"},
		{"audit", "list"}, {"app", "rotate-key", "2"}, {"app", "create", "json", "--tenant", "2", "--signature", "云盒"}} {
		r := l.run(t, append(args, "--json")...)
		var v map[string]any
		if err := json.Unmarshal([]byte(r.out), &v); err != nil || r.code != 0 || r.err != "" {
			t.Errorf("%v: %+v, %v", args, r, err)
		}
		if key, _ := v["key"].(string); args[1] == "create" && len(key) != 32 {
			t.Errorf("%v: key %q", args, key)
		}
	}
}

func testWrongToken(t *testing.T, l *live) {
	found, err := devServer(l.folder)
	if err != nil {
		t.Fatal(err)
	}
	run(t, map[string]string{"YANMA_OPERATOR_TOKEN": "not the token at all"}, "app", "list", "--operator", found.url).
		want(t, result{code: 1, err: "yanma: The token is missing or wrong.\n"})
	r := run(t, map[string]string{"YANMA_OPERATOR_TOKEN": "x"}, "app", "list", "--operator", "http://127.0.0.1:1")
	if r.code != 1 || !strings.HasPrefix(r.err, "yanma: the server at http://127.0.0.1:1 does not answer: ") {
		t.Errorf("%+v", r)
	}
	r = run(t, map[string]string{"YANMA_OPERATOR_TOKEN": "x"}, "credit", "add", "--app", "1", "5", "--operator", "http://127.0.0.1:1", "--key", "k1")
	if r.code != 1 || !strings.HasSuffix(r.err, "; say it again with --key k1 to be sure that it is made once\n") {
		t.Errorf("%+v", r)
	}
}

// output is what a server wrote so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func TestServe(t *testing.T) {
	folder := t.TempDir()
	logFile := filepath.Join(folder, "log")
	conf := file(t, "yanma.toml", "[server]\nlisten = \"127.0.0.1:0\"\n[operator]\nlisten = \"127.0.0.1:0\"\ntoken = \"env:TOKEN\"\n"+
		"[store]\ndata = \""+folder+"\"\n[log]\nfile = \""+logFile+"\"\n")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	exit, said := make(chan int, 1), &output{}
	go func() {
		exit <- Run(ctx, []string{"serve", "--config", conf}, World{Stdout: said, Stderr: said, Version: "v1.2.3",
			Getenv: func(name string) string { return token[name] }})
	}()
	var ready struct{ Msg, Public, Operator string }
	await(t, exit, func() bool {
		data, _ := os.ReadFile(logFile)
		for line := range strings.Lines(string(data)) {
			if json.Unmarshal([]byte(line), &ready) == nil && ready.Msg == "yanma: ready" {
				return true
			}
		}
		return false
	})
	for url, want := range map[string]string{
		ready.Public + "/healthz":   `{"status":"ok"}`,
		ready.Operator + "/healthz": `{"status":"ok"}`,
		ready.Public + "/readyz":    `{"status":"degraded","store":"ok","providers":{"configured":0,"up":0}}`,
		ready.Operator + "/readyz":  `{"status":"degraded","store":"ok","providers":{"configured":0,"up":0}}`,
	} {
		if got := get(t, url); got != "200 "+want+"\n" {
			t.Errorf("%s: %s", url, got)
		}
	}
	if got := get(t, ready.Public+"/metrics"); !strings.HasPrefix(got, "404 ") {
		t.Errorf("the public listener's /metrics: %.60s", got)
	}
	if got := get(t, ready.Operator+"/metrics"); !strings.Contains(got, "\nyanma_requests_total{code=\"ok\",facade=\"native\",route=\"GET /healthz\"} ") {
		t.Errorf("the operator's /metrics: %.60s", got)
	}
	second := run(t, token, "serve", "-c", conf)
	if second.code != 1 || !strings.Contains(second.err, "in use by another process") {
		t.Errorf("a second server on the folder: %+v", second)
	}
	stop()
	if code := <-exit; code != 0 || said.text.Len() != 0 {
		t.Errorf("exit %d, said %s", code, said.text.String())
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status[:3] + " " + string(body)
}
