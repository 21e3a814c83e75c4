package obs

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// database answers a View, fails it, or hangs in it.
type database struct {
	err      error
	writeErr error // of Update
	failing  bool
	recently bool
	hang     chan struct{}
	asked    atomic.Int64
}

func (d *database) View(ctx context.Context, f func(store.SQL) error) error {
	d.asked.Add(1)
	if d.hang != nil {
		<-d.hang // a disk that hangs does not look at ctx
	}
	if d.err != nil {
		return d.err
	}
	return f(oneRow{})
}

func (d *database) Update(context.Context, func(store.SQL) error) error { return d.writeErr }
func (d *database) Failing() bool                                       { return d.failing }
func (d *database) FailedRecently() bool                                { return d.recently }
func (d *database) Works()                                              { d.failing = false }

// oneRow answers every query with a row of zero values.
type oneRow struct{}

func (oneRow) Exec(context.Context, string, ...any) (int64, error) { return 0, errors.New("read only") }
func (oneRow) Query(_ context.Context, _ string, row func(store.Scanner) error, _ ...any) error {
	return row(oneRow{})
}
func (oneRow) Scan(...any) error { return nil }

func probe(h http.HandlerFunc) (int, string) {
	rec := httptest.NewRecorder()
	h(rec, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	return rec.Code, rec.Body.String()
}

func TestHealthz(t *testing.T) {
	h := NewHealth(&database{err: errors.New("gone")}, nil)
	h.Drain()
	if status, body := probe(h.Healthz); status != 200 || body != `{"status":"ok"}`+"\n" {
		t.Errorf("%d %s", status, body)
	}
}

func TestReadyz(t *testing.T) {
	up, down := &carrier{"a", provider.Health{Up: true, Detail: "bound"}}, &carrier{"b", provider.Health{Detail: "connecting: refused"}}
	for _, c := range []struct {
		name      string
		database  *database
		providers []provider.Provider
		drain     bool
		status    int
		body      string
	}{
		{"ready", &database{}, []provider.Provider{down, up}, false, 200,
			`{"status":"ready","store":"ok","providers":{"configured":2,"up":1}}`},
		{"no provider up", &database{}, []provider.Provider{down}, false, 200,
			`{"status":"degraded","store":"ok","providers":{"configured":1,"up":0}}`},
		{"no provider", &database{}, nil, false, 200,
			`{"status":"degraded","store":"ok","providers":{"configured":0,"up":0}}`},
		{"no database", &database{err: errors.New("disk I/O error")}, []provider.Provider{up}, false, 503,
			`{"status":"unavailable","store":"failed","providers":{"configured":1,"up":1}}`},
		{"a database that can not be written", &database{failing: true, writeErr: errors.New("disk full")}, []provider.Provider{up}, false, 503,
			`{"status":"unavailable","store":"failed","providers":{"configured":1,"up":1}}`},
		{"a database that failed a moment ago", &database{failing: true, recently: true}, []provider.Provider{up}, false, 503,
			`{"status":"unavailable","store":"failed","providers":{"configured":1,"up":1}}`},
		{"a database that can be written again", &database{failing: true}, []provider.Provider{up}, false, 200,
			`{"status":"ready","store":"ok","providers":{"configured":1,"up":1}}`},
		{"draining", &database{}, []provider.Provider{up}, true, 503,
			`{"status":"draining","store":"ok","providers":{"configured":1,"up":1}}`},
	} {
		h := NewHealth(c.database, c.providers)
		if c.drain {
			h.Drain()
		}
		if status, body := probe(h.Readyz); status != c.status || body != c.body+"\n" {
			t.Errorf("%s: %d %swant %d %s", c.name, status, body, c.status, c.body)
		}
	}
}

func TestReadyzDatabaseHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &database{hang: make(chan struct{})}
		h := NewHealth(d, nil)
		start := time.Now()
		var probes sync.WaitGroup
		for range 50 {
			probes.Go(func() {
				if status, _ := probe(h.Readyz); status != 503 {
					t.Errorf("status %d", status)
				}
			})
		}
		probes.Wait()
		if took := time.Since(start); took != time.Second || d.asked.Load() != 1 {
			t.Errorf("answered after %v, asked %d times", took, d.asked.Load())
		}
		close(d.hang)
		synctest.Wait()
		if status, body := probe(h.Readyz); status != 200 {
			t.Errorf("after the disk came back: %d %s", status, body)
		}
	})
}

func TestReadyzProberHangsUp(t *testing.T) {
	d := &database{hang: make(chan struct{})}
	h := NewHealth(d, nil)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	if state := h.Readiness(ctx); state.Store != "failed" {
		t.Error("a prober that hung up got an answer")
	}
	close(d.hang)
	if state := h.Readiness(t.Context()); state.Store != "ok" {
		t.Error("the next prober got the other one's cancellation")
	}
}
