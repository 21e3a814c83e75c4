package obs

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Database is the database as far as health asks it (store.Prompt).
type Database interface {
	View(ctx context.Context, f func(store.SQL) error) error
	Update(ctx context.Context, f func(store.SQL) error) error
	// Failing tells whether the last command failed: reading may go on on a disk
	// that is full.
	Failing() bool
	// FailedRecently tells whether that was a moment ago.
	FailedRecently() bool
	// Works is told that a write went well.
	Works()
}

// Health answers probes. Its bodies name nothing that a stranger may not know.
type Health struct {
	database  Database
	providers []provider.Provider
	draining  atomic.Bool

	mu      sync.Mutex
	current *question // nil when nobody asks
}

// NewHealth asks a database and providers.
func NewHealth(database Database, providers []provider.Provider) *Health {
	return &Health{database: database, providers: providers}
}

// storeDeadline is how long the database may take to answer a probe.
const storeDeadline = time.Second

// Readiness is the body of /readyz.
type Readiness struct {
	Status    string         `json:"status"` // ready, degraded, draining, unavailable
	Store     string         `json:"store"`  // ok, failed
	Providers ProvidersState `json:"providers"`
}

// ProvidersState counts providers.
type ProvidersState struct {
	Configured int `json:"configured"`
	Up         int `json:"up"`
}

// Drain makes /readyz answer 503 from now on, so that no new traffic comes
// while the server stops.
func (h *Health) Drain() { h.draining.Store(true) }

// Healthz answers 200 while the process serves.
func (h *Health) Healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"})
}

// Readyz answers 200 when the server takes requests: "ready", or "degraded"
// when no provider is up, because messages are accepted and wait on disk. It
// answers 503 while it drains, when the database does not answer within 1 s,
// and when it failed the last command: for ten seconds, and until it can be
// written again.
func (h *Health) Readyz(w http.ResponseWriter, r *http.Request) {
	state := h.Readiness(r.Context())
	status := http.StatusOK
	if state.Status == "draining" || state.Status == "unavailable" {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, state)
}

// Readiness is what Readyz shows.
func (h *Health) Readiness(ctx context.Context) Readiness {
	state := Readiness{Status: "ready", Store: "ok", Providers: ProvidersState{Configured: len(h.providers)}}
	for _, p := range h.providers {
		if p.Health().Up {
			state.Providers.Up++
		}
	}
	if !h.storeAnswers(ctx) {
		state.Store = "failed"
	}
	switch {
	case h.draining.Load():
		state.Status = "draining"
	case state.Store != "ok":
		state.Status = "unavailable"
	case state.Providers.Up == 0:
		state.Status = "degraded"
	}
	return state
}

// question is one look at the database that every probe of the moment waits
// for: a database that hangs holds up one goroutine, however many probes come.
type question struct {
	done chan struct{}
	err  error
}

func (h *Health) storeAnswers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	q := h.ask(ctx)
	select {
	case <-q.done:
		return q.err == nil
	case <-ctx.Done():
		return false
	}
}

// ask joins the question under way or begins one.
func (h *Health) ask(ctx context.Context) *question {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current != nil {
		return h.current
	}
	q := &question{done: make(chan struct{})}
	h.current = q
	go func() {
		// The prober that began it may hang up: the others still wait.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeDeadline)
		defer cancel()
		q.err = h.look(ctx)
		h.mu.Lock()
		h.current = nil
		h.mu.Unlock()
		close(q.done)
	}()
	return q
}

var errFailing = errors.New("obs: commands fail")

// look reads. After commands have failed it says so for a while, and then writes
// before it lets others try: nobody who may ask this can make a healthy server
// write.
func (h *Health) look(ctx context.Context) error {
	err := h.database.View(ctx, func(sql store.SQL) error {
		_, err := records.Revision(ctx, sql)
		return err
	})
	if err != nil || !h.database.Failing() {
		return err
	}
	if h.database.FailedRecently() {
		return errFailing
	}
	err = h.database.Update(ctx, func(sql store.SQL) error { return records.ProbeWrite(ctx, sql) })
	if err == nil {
		h.database.Works()
	}
	return err
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", facade.ContentTypeJSON)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the prober has gone
}
