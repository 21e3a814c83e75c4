package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

func TestCredit(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	app, _ := w.app(t, "shop")
	none, err := w.AppCredit(ctx, app.ID)
	if err != nil || len(none.Pools) != 1 || none.Pools[0] != (api.PoolCredit{Pool: "general"}) {
		t.Errorf("credit = %+v, %v", none, err)
	}
	added, err := w.AddAppCredit(ctx, app.ID, api.NewCredit{Amount: 1000}, "")
	if err != nil || added.Pool != "general" || added.Amount != 1000 || added.Available != 1000 {
		t.Errorf("added = %+v, %v", added, err)
	}
	_, err = w.AddAppCredit(ctx, app.ID, api.NewCredit{Amount: 50, Pool: "voice"}, "")
	must(t, err)
	taken, err := w.AddAppCredit(ctx, app.ID, api.NewCredit{Amount: -300}, "")
	if err != nil || taken.Available != 700 {
		t.Errorf("taken = %+v, %v", taken, err)
	}
	_, err = w.AddTenantCredit(ctx, app.Tenant, api.NewCredit{Amount: 7}, "")
	must(t, err)
	credit, err := w.AppCredit(ctx, app.ID)
	want := []api.PoolCredit{{Pool: "general", Available: 700, Funded: 700}, {Pool: "voice", Available: 50, Funded: 50}}
	if err != nil || !slices.Equal(credit.Pools, want) {
		t.Errorf("credit = %+v, %v", credit, err)
	}
	ofTenant, err := w.TenantCredit(ctx, app.Tenant)
	if err != nil || ofTenant.Pools[0].Available != 7 {
		t.Errorf("credit = %+v, %v", ofTenant, err)
	}
	ledger, err := w.Ledger(ctx)
	if err != nil || ledger != (api.Ledger{Available: 757, Funded: 757, Balanced: true}) {
		t.Errorf("ledger = %+v, %v", ledger, err)
	}
}

func TestCreditThatIsRefused(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	app, _ := w.app(t, "shop")
	for name, c := range map[string]struct{ body, code string }{
		"nothing":     {`{}`, "bad_field"},
		"zero":        {`{"amount":0}`, "bad_field"},
		"too much":    {`{"amount":1000000000000001}`, "bad_field"},
		"bad pool":    {`{"amount":1,"pool":"swimming"}`, "bad_field"},
		"fraction":    {`{"amount":1.5}`, "bad_field"},
		"as text":     {`{"amount":"1"}`, "bad_field"},
		"more than 0": {`{"amount":-1}`, "insufficient_balance"},
	} {
		_, body := w.call(t, http.MethodPost, "/admin/apps/1/credit", c.body, "Idempotency-Key", "same-key")
		if code, _ := problemOf(t, body); code != c.code {
			t.Errorf("%s: %s, want %s", name, body, c.code)
		}
	}
	for name, key := range map[string]string{"blank": "a b", "empty": "", "long": strings.Repeat("k", 256), "not ASCII": "ключ"} {
		_, body := w.call(t, http.MethodPost, "/admin/apps/1/credit", `{"amount":1}`, "Idempotency-Key", key)
		if code, _ := problemOf(t, body); code != "malformed" {
			t.Errorf("%s key: %s", name, body)
		}
	}
	// Nothing is stored for a call that was refused: the key is still free.
	if _, err := w.AddAppCredit(ctx, app.ID, api.NewCredit{Amount: 3}, "same-key"); err != nil {
		t.Error(err)
	}
	_, err := w.UpdateApp(ctx, app.ID, tenant.Patch{TenantPays: new(true)})
	must(t, err)
	_, err = w.AddAppCredit(ctx, app.ID, api.NewCredit{Amount: 3}, "")
	var e *client.Error
	if !errors.As(err, &e) || e.Code != "conflict" || !strings.Contains(e.Message, "tenant 1 pays") {
		t.Errorf("error = %v", err)
	}
	audits, err := w.Audit(ctx, 0, 500)
	must(t, err)
	refused := 0
	for _, a := range audits.Entries {
		if a.Action == "credit.refused" {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d refusals are audited", refused)
	}
}

// contracts/README.md §3.4.
func TestIdempotencyKey(t *testing.T) {
	w := newWorld(t)
	app, _ := w.app(t, "shop")
	w.app(t, "other")
	first, body := w.call(t, http.MethodPost, "/admin/apps/1/credit", `{"amount":500}`, "Idempotency-Key", "key-1")
	if first.StatusCode != http.StatusOK || first.Header.Get("Idempotency-Replayed") != "" {
		t.Fatalf("first = %d %s", first.StatusCode, body)
	}
	must(t, w.ring.RotateTokenKey()) // keys are found under older token keys
	again, replayed := w.call(t, http.MethodPost, "/admin/apps/1/credit", `{"amount":500}`, "Idempotency-Key", "key-1")
	if again.StatusCode != http.StatusOK || again.Header.Get("Idempotency-Replayed") != "true" || replayed != body {
		t.Errorf("again = %d %q, want %q", again.StatusCode, replayed, body)
	}
	for name, c := range map[string][2]string{
		"another body": {"/admin/apps/1/credit", `{"amount":501}`},
		"another app":  {"/admin/apps/2/credit", `{"amount":500}`},
	} {
		answer, body := w.call(t, http.MethodPost, c[0], c[1], "Idempotency-Key", "key-1")
		if code, _ := problemOf(t, body); answer.StatusCode != http.StatusBadRequest || code != "malformed" {
			t.Errorf("%s: %d %s", name, answer.StatusCode, body)
		}
	}
	w.wantCredit(t, app.ID, 500, 1)
	w.clock.move(24*time.Hour - 1)
	_, _ = w.call(t, http.MethodPost, "/admin/apps/1/credit", `{"amount":500}`, "Idempotency-Key", "key-1")
	w.wantCredit(t, app.ID, 500, 1)
	w.clock.move(1)
	answer, _ := w.call(t, http.MethodPost, "/admin/apps/1/credit", `{"amount":500}`, "Idempotency-Key", "key-1")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Idempotency-Replayed") != "" {
		t.Errorf("after 24 h: %d", answer.StatusCode)
	}
	w.wantCredit(t, app.ID, 1000, 2)
}

// Requirement row 32: of many parallel calls with one key one executes.
func TestReq32_ParallelTopUpsWithOneKey(t *testing.T) {
	w := newWorld(t)
	app, _ := w.app(t, "shop")
	var all sync.WaitGroup
	entries := make([]string, 100)
	for i := range entries {
		all.Go(func() {
			added, err := w.AddAppCredit(context.Background(), app.ID, api.NewCredit{Amount: 10}, "one")
			if err != nil {
				t.Error(err)
			}
			entries[i] = fmt.Sprint(added)
		})
	}
	all.Wait()
	for _, e := range entries {
		if e != entries[0] {
			t.Fatalf("two answers: %s and %s", entries[0], e)
		}
	}
	w.wantCredit(t, app.ID, 10, 1)
}

// Fault pairs: each of the three commits of a top-up (its answer goes with the
// money) fails in every way, and the caller tries again until it has an answer.
func TestTopUpSurvivesEveryFault(t *testing.T) {
	faults := map[string]storetest.Fault{"begin": storetest.FailBegin, "load": storetest.FailLoad, "write": storetest.FailWrite,
		"not committed": storetest.FailCommit, "lost": storetest.FailCommitLost, "kept": storetest.FailCommitKept, "again": storetest.FailAgain}
	for at, step := range []string{"begin", "note", "top-up"} {
		for name, fault := range faults {
			if testing.Short() && (step != "top-up" || name == "begin" || name == "load" || name == "write") {
				continue // the race detector needs no more of them
			}
			t.Run(step+" "+name, func(t *testing.T) {
				w := newWorld(t)
				app, _ := w.app(t, "shop")
				w.engine.Inject(append(make([]storetest.Fault, at), fault)...)
				var added api.CreditAdded
				var err error
				tries := 0
				for ; tries < 3; tries++ {
					added, err = w.AddAppCredit(context.Background(), app.ID, api.NewCredit{Amount: 500}, "key")
					if err == nil {
						break
					}
				}
				if err != nil || added.Available != 500 || w.engine.Pending() != 0 {
					t.Fatalf("added = %+v, %v, %d faults left", added, err, w.engine.Pending())
				}
				again, err := w.AddAppCredit(context.Background(), app.ID, api.NewCredit{Amount: 500}, "key")
				if err != nil || again != added {
					t.Errorf("again = %+v, %v, want %+v", again, err, added)
				}
				w.wantCredit(t, app.ID, 500, 1)
				if n := w.count(t, "credit.add"); n != 1 {
					t.Errorf("%d audit rows", n)
				}
			})
		}
	}
}

func (w *world) count(t *testing.T, action string) (n int) {
	t.Helper()
	page, err := w.Audit(context.Background(), 0, 500)
	must(t, err)
	for _, e := range page.Entries {
		if e.Action == action {
			n++
		}
	}
	return n
}

// wantCredit checks balance, ledger rows and the sum of everything.
func (w *world) wantCredit(t *testing.T, app core.AppID, balance core.Credits, entries int64) {
	t.Helper()
	credit, err := w.AppCredit(context.Background(), app)
	must(t, err)
	ledger, err := w.Ledger(context.Background())
	must(t, err)
	var rows int64
	must(t, w.engine.View(context.Background(), func(q store.SQL) error {
		return q.Query(context.Background(), `SELECT COUNT(*) FROM ledger WHERE credit = $1`,
			func(r store.Scanner) error { return r.Scan(&rows) }, int64(billing.Account(billing.OwnerApp(app), core.PoolGeneral, billing.Available)))
	}))
	if credit.Pools[0].Available != balance || rows != entries || !ledger.Balanced {
		t.Errorf("balance %d, %d entries, %+v; want %d and %d", credit.Pools[0].Available, rows, ledger, balance, entries)
	}
}

func TestClientSaysWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	away := client.New("http://127.0.0.1:1", core.NewSecret(token), &http.Client{})
	if _, err := away.Status(context.Background()); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:1 does not answer") ||
		strings.Contains(err.Error(), token) {
		t.Errorf("error = %v", err)
	}
	_, err := client.New(w.url+"/elsewhere", core.NewSecret(token), w.http).Status(context.Background())
	var e *client.Error
	if !errors.As(err, &e) || e.Status != http.StatusNotFound {
		t.Errorf("error = %v", err)
	}
}
