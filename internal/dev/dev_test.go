package dev

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// waiting is an output that tells when it has been written to the end.
type waiting struct {
	mu    sync.Mutex
	text  strings.Builder
	ready chan struct{}
	once  sync.Once
}

func (w *waiting) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.text.Write(b)
	if strings.Contains(w.text.String(), "Ctrl-C stops it.\n") {
		w.once.Do(func() { close(w.ready) })
	}
	return n, err
}

// TestRunLeavesNothing: two runs on a folder, one after the other, each of
// which ends with its context and leaves no goroutine and no dev.json.
func TestRunLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t)
	folder := t.TempDir()
	for range 2 {
		ctx, cancel := context.WithCancel(context.Background())
		out := &waiting{ready: make(chan struct{})}
		ended := make(chan error, 1)
		go func() {
			ended <- Run(ctx, Options{Data: folder, Listen: "127.0.0.1:0", Operator: "127.0.0.1:0", Version: "test", Out: out})
		}()
		select {
		case <-out.ready:
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		case <-time.After(20 * time.Second):
			t.Fatal("not ready in 20 s")
		}
		path := filepath.Join(folder, "dev.json")
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("it did not end in 20 s")
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("dev.json is still there: %v", err)
		}
	}
}

// TestRunRefuses: what is wrong is told before anything runs, and nothing is
// left open.
func TestRunRefuses(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, o := range map[string]Options{
		"an address that is none": {Data: t.TempDir(), Listen: "nowhere", Operator: "127.0.0.1:0"},
		"an unknown database":     {Data: t.TempDir(), Database: "mysql://x", Listen: "127.0.0.1:0", Operator: "127.0.0.1:0"},
	} {
		o.Out = &waiting{ready: make(chan struct{})}
		if err := Run(t.Context(), o); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
