package verify

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

// lockedBuffer is a log that many write.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// wholeFlow sends, fails, resends, logs in, claims, releases, locks and lets
// expire; it returns every code and number that occurred, and every error.
func wholeFlow(t *testing.T, w *world, faulty *storetest.Faulty) (codes []core.Code, numbers []core.Phone, errs []error) {
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	send := func(p core.Phone) core.Code {
		code := w.send(t, p)
		codes = append(codes, code)
		return code
	}
	for _, p := range []core.Phone{phone, other, core.PhoneFromE164("+8615512345678"), core.PhoneFromE164("+14155550123")} {
		numbers = append(numbers, p)
		old, code := send(p), send(p)
		for _, guess := range []core.Code{old, wrongOf(code), code, code} {
			_, err := w.login(p, guess)
			note(err)
			codes = append(codes, guess)
		}
		w.networks.outside, w.networks.provision = true, refuse(core.E(core.KindProvisioningUnreachable, "down"))
		_, err := w.login(p, send(p))
		note(err)
		w.networks.outside, w.networks.provision = false, nil
		for _, fault := range []storetest.Fault{storetest.FailCommitLost, storetest.FailCommitKept, storetest.FailWrite} {
			code := send(p)
			faulty.Inject(fault)
			_, err := w.login(p, code)
			note(err)
			faulty.Inject(fault)
			_, err = w.start(p)
			note(err)
		}
		code = send(p)
		for range 6 {
			_, err := w.login(p, wrongOf(code))
			note(err)
		}
		_, err = w.start(p)
		note(err)
		w.clock.advance(15 * time.Minute)
		send(p) // stays alive
	}
	return codes, numbers, errs
}

// TestReq08_NoCodeAtRest and TestReq12_NoNumberAtRest: after the whole flow
// with codes of ten digits no byte of the data folder, no log and no error
// shows a code or a number; the same after the files were closed.
func TestReq08_NoCodeAtRest(t *testing.T) {
	codes, _, places := everythingAtRest(t)
	for _, code := range codes {
		wantNowhere(t, places, code.Digits())
	}
}

// TestReq12_NoNumberAtRest: see TestReq08_NoCodeAtRest.
func TestReq12_NoNumberAtRest(t *testing.T) {
	_, numbers, places := everythingAtRest(t)
	for _, p := range numbers {
		wantNowhere(t, places, strings.TrimPrefix(p.E164(), "+"))
		wantNowhere(t, places, p.National())
		for place, data := range places {
			if place == "log" && !bytes.Contains(data, []byte(p.Masked())) && p == phone {
				t.Errorf("the log does not show the masked number: the test looks at the wrong log")
			}
		}
	}
}

func wantNowhere(t *testing.T, places map[string][]byte, secret string) {
	t.Helper()
	for place, data := range places {
		if i := bytes.Index(data, []byte(secret)); i >= 0 {
			t.Errorf("%s has %s in the clear at byte %d", place, secret, i)
		}
	}
}

// everythingAtRest runs the whole flow on disk and reads all that it left.
func everythingAtRest(t *testing.T) ([]core.Code, []core.Phone, map[string][]byte) {
	folder, log := t.TempDir(), &lockedBuffer{}
	engine := onDisk(t, folder)
	faulty := &storetest.Faulty{Engine: engine}
	w := newWorld(t, setting{engine: engine, log: slog.New(slog.NewJSONHandler(log, nil)), wrap: func(store.Engine) store.Engine { return faulty },
		edit: func(a *tenant.App) {
			a.CodeLength, a.LoginPrice = 10, 3
			rules, err := a.Limits.With(map[string][]string{"number_installation": {"1/24h"}}) // alerts: a log line with the number
			wantOK(t, err)
			a.Unchallenged = rules.Unchallenged()
		}})
	codes, numbers, errs := wholeFlow(t, w, faulty)
	if len(codes) < 40 || len(errs) < 40 {
		t.Fatalf("the flow made %d codes and %d errors only", len(codes), len(errs))
	}
	places := map[string][]byte{}
	read := func(when string) {
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		if err != nil || len(files) == 0 {
			t.Fatal("no files in the data folder", err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			places[when+" "+filepath.Base(f)] = data
		}
	}
	read("running")
	wal := false
	for name, data := range places {
		wal = wal || strings.HasSuffix(name, "-wal") && len(data) > 0
	}
	if !wal {
		t.Fatal("there is no WAL: the test looks at the wrong files")
	}
	w.batcher.Stop()
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	read("closed")
	places["log"] = log.buf.Bytes()
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	places["errors"] = []byte(strings.Join(texts, "\n"))
	return codes, numbers, places
}

// TestReq09_UnknownLikeKnown: a wrong code gets the same answer, and costs one
// comparison, whether the number is a user's, has a code, is locked, or was
// never seen.
func TestReq09_UnknownLikeKnown(t *testing.T) {
	checker := &counted{}
	w := newWorld(t, setting{checker: func(c codeChecker) codeChecker { checker.codeChecker = c; return checker }})
	user, locked, expired, unknown := phone, other, core.PhoneFromE164("+8615512345678"), core.PhoneFromE164("+8615512345679")
	wantOK(t, second(w.login(user, w.send(t, user))))
	code := w.send(t, expired)
	w.clock.advance(5 * time.Minute)
	lockedCode := w.send(t, locked)
	for range 5 {
		wantKind(t, second(w.login(locked, wrongOf(lockedCode))), core.KindWrongCode)
	}
	pending := core.PhoneFromE164("+8615512345680")
	pendingCode := w.send(t, pending)
	cases := map[string]struct {
		phone  core.Phone
		code   core.Code
		absent bool
	}{
		"a user without a code": {user, code, true},
		"locked":                {locked, code, true},
		"expired, right code":   {expired, code, true},
		"never seen":            {unknown, code, true},
		"a wrong code":          {pending, wrongOf(pendingCode), false},
	}
	var first error
	for name, c := range cases {
		compared, absent := checker.compared.Load(), checker.absent.Load()
		_, err := w.login(c.phone, c.code)
		wantKind(t, err, core.KindWrongCode)
		if first == nil {
			first = err
		}
		if err.Error() != first.Error() || !reflect.DeepEqual(err, first) {
			t.Errorf("%s: %#v is another answer than %#v", name, err, first)
		}
		want := [2]int64{1, 0}
		if c.absent {
			want = [2]int64{0, 1}
		}
		if got := [2]int64{checker.compared.Load() - compared, checker.absent.Load() - absent}; got != want {
			t.Errorf("%s: %v comparisons with a code and with none, want %v", name, got, want)
		}
	}
}

func second[T any](_ T, err error) error { return err }
