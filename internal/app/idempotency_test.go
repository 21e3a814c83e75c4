package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/store"
)

// engines are the databases that a test of this package runs on.
func engines(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "") })
	t.Run("postgres", func(t *testing.T) { test(t, server.URL(server.Database(t, ""))) })
}

// reply is an answer to a call with an Idempotency-Key.
type reply struct {
	status   int
	body     string
	replayed bool
}

// call posts a body to the yunbox dialect; keys are Idempotency-Key headers.
func (w *whole) call(path, body string, keys ...string) (reply, error) {
	return callAt(w.PublicURL(), path, body, keys...)
}

func callAt(url, path, body string, keys ...string) (reply, error) {
	r, err := http.NewRequest(http.MethodPost, url+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	r.Header["Idempotency-Key"] = keys
	answer, err := (&http.Client{}).Do(r)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	out, err := io.ReadAll(answer.Body)
	return reply{answer.StatusCode, string(out), answer.Header.Get("Idempotency-Replayed") == "true"}, err
}

func (w *whole) mustCall(t *testing.T, path, body string, keys ...string) reply {
	t.Helper()
	r, err := w.call(path, body, keys...)
	ok(t, err)
	return r
}

// sendBody asks for a code, checkBody answers it.
func (w *whole) sendBody(phone string) string {
	return fmt.Sprintf(`{"key":%q,"phone_no":%q}`, w.keys[0], phone)
}

func (w *whole) checkBody(t *testing.T, phone string) string {
	t.Helper()
	code, found := w.Value("code", []string{phone})
	if !found {
		t.Fatalf("no code came to %s", phone)
	}
	return fmt.Sprintf(`{"key":%q,"phone_no":%q,"user_input_code":%q}`, w.keys[0], phone, code)
}

// rows counts those of a table.
func (w *whole) rows(t *testing.T, table string) (n int64) {
	t.Helper()
	ok(t, w.database.View(t.Context(), func(q store.SQL) error {
		return q.Query(t.Context(), "SELECT COUNT(*) FROM "+table, func(r store.Scanner) error { return r.Scan(&n) })
	}))
	return n
}

// together makes n calls at once, spread over the nodes, and wants one to be
// answered and the others to get the same answer.
func together(t *testing.T, n int, path, body, key string, nodes ...*whole) string {
	t.Helper()
	replies := make([]reply, n)
	var all sync.WaitGroup
	for i := range replies {
		all.Go(func() {
			var err error
			if replies[i], err = nodes[i%len(nodes)].call(path, body, key); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	first := 0
	for _, r := range replies {
		if r.status != http.StatusOK || r.body != replies[0].body || !strings.HasPrefix(r.body, `{"status":"ok"`) {
			t.Fatalf("%s: %+v and %+v", path, r, replies[0])
		}
		if !r.replayed {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%s: %d calls took effect", path, first)
	}
	return replies[0].body
}

// Requirement row 32: of 100 calls with one key one executes.
func TestReq32_ParallelCallsWithOneKey(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		w := startWholeOn(t, database)
		w.Do(t, "sms-price", []string{"3"})
		w.Do(t, "login-price", []string{"5"})
		if got, want := together(t, 100, "/get-code", w.sendBody("13800138000"), "send", w), `{"status":"ok","phone_no":"13800138000"}`; got != want {
			t.Errorf("answer %s, want %s", got, want)
		}
		w.Do(t, "expect-balance", []string{"997"})
		if n := w.rows(t, "message"); n != 1 {
			t.Errorf("%d messages", n)
		}
		together(t, 100, "/check-code", w.checkBody(t, "13800138000"), "check", w)
		w.Do(t, "expect-balance", []string{"992"})
		if n := w.rows(t, "users"); n != 1 {
			t.Errorf("%d users", n)
		}
	})
}

// A node waits for a call that another one has begun.
func TestReq32_ParallelCallsOnTwoNodes(t *testing.T) {
	w := startWholeOn(t, server.URL(server.Database(t, "")))
	w.Do(t, "sms-price", []string{"3"})
	w.Do(t, "login-price", []string{"5"})
	second := w.secondNode(t)
	for i := range 5 {
		phone := fmt.Sprintf("1380013800%d", i)
		together(t, 20, "/get-code", w.sendBody(phone), "send"+phone, w, second)
		together(t, 20, "/check-code", w.checkBody(t, phone), "check"+phone, w, second)
	}
	w.Do(t, "expect-balance", []string{"960"})
	if n := w.rows(t, "message"); n != 5 {
		t.Errorf("%d messages", n)
	}
}

// secondNode is another server on the same database.
func (w *whole) secondNode(t *testing.T) *whole {
	t.Helper()
	second := w.prepareNode(t)
	second.open(t)
	t.Cleanup(func() { _ = second.Stop(context.Background()) })
	return second
}

// prepareNode is one that is not open yet.
func (w *whole) prepareNode(t *testing.T) *whole {
	t.Helper()
	second := &whole{clock: w.clock, phones: w.phones, gateway: w.gateway, config: w.config, ids: w.ids, keys: w.keys}
	second.config.Store.Data, second.config.Store.Node = t.TempDir(), w.config.Store.Node+1
	ring, err := os.ReadFile(filepath.Join(w.config.Store.Data, "keyring.json"))
	ok(t, err)
	ok(t, os.WriteFile(filepath.Join(second.config.Store.Data, "keyring.json"), ring, 0o600))
	return second
}

// A stored answer is given for 24 hours, to the same call of the same app.
func TestReq32_StoredAnswers(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		w := startWholeOn(t, database)
		body := w.sendBody("13800138000")
		first := w.mustCall(t, "/get-code", body, "key")
		for name, c := range map[string]struct {
			path, body string
			keys       []string
		}{
			"another body":     {"/get-code", body + " ", []string{"key"}},
			"another endpoint": {"/check-code", w.checkBody(t, "13800138000"), []string{"key"}},
			"empty":            {"/get-code", body, []string{""}},
			"blank":            {"/get-code", body, []string{"a b"}},
			"not ASCII":        {"/get-code", body, []string{"\xe9"}},
			"256 characters":   {"/get-code", body, []string{strings.Repeat("k", 256)}},
			"two":              {"/get-code", body, []string{"key", "key"}},
		} {
			if got := w.mustCall(t, c.path, c.body, c.keys...); got != (reply{http.StatusOK, `{"code":"0070","msg":"Request format is not JSON."}`, false}) {
				t.Errorf("%s: %+v", name, got)
			}
		}
		again := reply{first.status, first.body, true}
		if got := w.mustCall(t, "/get-code", body, "key"); got != again {
			t.Errorf("again: %+v, want %+v", got, again)
		}
		// Another app has keys of its own.
		others := strings.Replace(body, w.keys[0], w.keys[1], 1)
		if got := w.mustCall(t, "/get-code", others, "key"); got != first {
			t.Errorf("another app: %+v", got)
		}
		if got := w.mustCall(t, "/get-code", w.sendBody("13900139000"), strings.Repeat("k", 255)); got.replayed || !strings.Contains(got.body, `"ok"`) {
			t.Errorf("255 characters: %+v", got)
		}
		w.reopen(t)
		w.clock.Advance(24*time.Hour - 1)
		if got := w.mustCall(t, "/get-code", body, "key"); got != again {
			t.Errorf("just before a day has passed: %+v", got)
		}
		w.clock.Advance(1)
		if got := w.mustCall(t, "/get-code", body, "key"); got != first {
			t.Errorf("after a day: %+v", got)
		}
		if n := w.rows(t, "message"); n != 4 {
			t.Errorf("%d messages, want 4", n)
		}
	})
}

// What has no effect is not stored; a wrong try is counted once.
func TestReq32_Refusals(t *testing.T) {
	w := startWhole(t)
	w.Do(t, "sms-price", []string{"3"})
	w.Do(t, "login-price", []string{"5"})
	w.Do(t, "balance", []string{"2"})
	body := w.sendBody("13800138000")
	for _, bad := range []string{`{`, `{"key":"x"}`, strings.Replace(body, "138001", "123456", 1)} {
		if got := w.mustCall(t, "/get-code", bad, "key"); got.replayed || strings.Contains(got.body, `"ok"`) {
			t.Fatalf("%s: %+v", bad, got)
		}
	}
	if got := w.mustCall(t, "/get-code", body, "key"); !strings.Contains(got.body, "0100") {
		t.Fatalf("without money: %+v", got)
	}
	if n := w.rows(t, "idempotency"); n != 0 {
		t.Errorf("%d calls are stored", n)
	}
	w.Do(t, "balance", []string{"7"})
	if got := w.mustCall(t, "/get-code", body, "key"); got.replayed || !strings.Contains(got.body, `"ok"`) {
		t.Fatalf("with money: %+v", got)
	}
	if got := w.mustCall(t, "/get-code", body, "other"); got.status != http.StatusTooManyRequests {
		t.Fatalf("too soon: %+v", got)
	}

	check := w.checkBody(t, "13800138000")
	wrong, _ := w.Value("wrong", []string{"13800138000"})
	code, _ := w.Value("code", []string{"13800138000"})
	for i := range 10 { // five wrong tries would end the code
		got := w.mustCall(t, "/check-code", strings.Replace(check, code, wrong, 1), "guess")
		if got.body != `{"code":"0077","msg":"Invalid or expired code."}` || got.replayed != (i > 0) {
			t.Fatalf("wrong try %d: %+v", i, got)
		}
	}
	if got := w.mustCall(t, "/check-code", check, "login"); !strings.Contains(got.body, "0100") {
		t.Fatalf("a login without money: %+v", got)
	}
	w.Do(t, "balance", []string{"5"})
	w.Do(t, "provisioning", []string{"unreachable"})
	if got := w.mustCall(t, "/check-code", check, "login"); !strings.Contains(got.body, "0078") {
		t.Fatalf("a login without network: %+v", got)
	}
	w.Do(t, "provisioning", []string{"up"})
	first := w.mustCall(t, "/check-code", check, "login")
	if first.replayed || !strings.Contains(first.body, `"yb_uid"`) {
		t.Fatalf("the login: %+v", first)
	}
	if got := w.mustCall(t, "/check-code", check, "login"); got != (reply{first.status, first.body, true}) {
		t.Errorf("the login again: %+v", got)
	}
	w.Do(t, "expect-balance", []string{"0"})
}
