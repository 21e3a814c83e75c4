package app

import (
	"crypto/rand"
	"io"
	"testing"
	"time"

	"yanma.dev/yanma/internal/obs"
)

// TestStopOfWhatWasNeverStarted: a server whose start failed half-way ends, and
// does not wait for loops that nobody started.
func TestStopOfWhatWasNeverStarted(t *testing.T) {
	log := obs.NewWriter(io.Discard, time.Now, obs.WriterOptions{})
	defer func() { ok(t, log.Close()) }()
	a, err := Open(t.Context(), wholeConfig(t, "127.0.0.1:1", "http://127.0.0.1:1"), Deps{Now: time.Now, Random: rand.Reader,
		Jitter: func() float64 { return 0 }, Log: log, Version: "test", slow: patient})
	ok(t, err)
	ended := make(chan error, 1)
	go func() { ended <- a.Stop(t.Context()) }()
	select {
	case err := <-ended:
		ok(t, err)
	case <-time.After(patient):
		t.Fatal("Stop waits for ever")
	}
}
