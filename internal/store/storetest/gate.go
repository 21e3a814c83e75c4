package storetest

import (
	"context"
	"testing"
	"time"

	"yanma.dev/yanma/internal/store"
)

// Gate is an engine that holds batches back until they are let through, so that
// a test decides which commands share a commit.
type Gate struct {
	store.Engine
	arrived chan struct{}
	pass    chan struct{}
}

// NewGate returns a gate around an engine. Every batch waits in Begin for one
// Pass.
func NewGate(e store.Engine) *Gate {
	return &Gate{Engine: e, arrived: make(chan struct{}), pass: make(chan struct{})}
}

// Begin implements store.Engine.
func (g *Gate) Begin(ctx context.Context) (store.Tx, error) {
	g.arrived <- struct{}{}
	<-g.pass
	return g.Engine.Begin(ctx)
}

// Arrive waits until a batch waits at the gate.
func (g *Gate) Arrive() { <-g.arrived }

// Pass lets the batch through that has arrived.
func (g *Gate) Pass() { g.pass <- struct{}{} }

// Together runs commands in one commit, in their order, on a batcher of this
// gate, and returns their errors. Nothing else may use the batcher meanwhile.
func (g *Gate) Together(t testing.TB, b *store.Batcher, commands ...store.Command) []error {
	t.Helper()
	first := make(chan error, 1)
	go func() { first <- b.Do(context.Background(), nothing{}) }()
	g.Arrive()
	answers := make([]chan error, len(commands))
	for i, c := range commands {
		answer := make(chan error, 1)
		answers[i] = answer
		go func() { answer <- b.Do(context.Background(), c) }()
		waitUntil(t, func() bool { return b.Stats().Waiting == int64(i+1) })
	}
	g.Pass()
	if err := <-first; err != nil {
		t.Fatalf("the command that opens the batch failed: %v", err)
	}
	errs := make([]error, len(commands))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range answers {
			errs[i] = <-answers[i]
		}
	}()
	g.passAll(done)
	return errs
}

// passAll lets batches through until done: one, or one for each command when
// the batch was spoiled.
func (g *Gate) passAll(done <-chan struct{}) {
	for {
		select {
		case <-g.arrived:
			g.pass <- struct{}{}
		case <-done:
			return
		}
	}
}

// nothing is a command that reads and changes nothing.
type nothing struct{}

func (nothing) Want(*store.Batch)         {}
func (nothing) Decide(*store.Batch) error { return nil }

// waitUntil polls for what other goroutines are about to do.
func waitUntil(t testing.TB, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(50 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatal("what the test waits for does not happen")
		}
	}
}
