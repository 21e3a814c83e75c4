package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

func testFaults(t *testing.T, fresh Fresh) {
	t.Run("one command", func(t *testing.T) { testFaultPairs(t, fresh) })
	t.Run("three commands", func(t *testing.T) { testFaultsTogether(t, fresh) })
	t.Run("updates", func(t *testing.T) { testFaultyUpdates(t, fresh) })
	t.Run("invariants", func(t *testing.T) { testInvariants(t, fresh) })
}

// faultCases say what becomes of a batch of one command.
var faultCases = []struct {
	name      string
	fault     Fault
	fails     bool // the caller gets an error
	persisted bool
}{
	{"begin", FailBegin, true, false},
	{"load", FailLoad, true, false},
	{"write", FailWrite, true, false},
	{"commit, known lost", FailCommit, true, false},
	{"commit, fail and not persist", FailCommitLost, true, false},
	{"commit, fail but persist", FailCommitKept, true, true},
	{"commit, run again", FailAgain, false, true},
}

func testFaultPairs(t *testing.T, fresh Fresh) {
	f := &Faulty{Engine: opened(t, fresh)}
	b := start(t, f, store.Options{})
	for i, c := range faultCases {
		t.Run(c.name, func(t *testing.T) {
			id := core.LedgerID(10 * (i + 1))
			f.Inject(c.fault)
			err := b.Do(context.Background(), &transfer{id: id, from: funding, to: available, amount: 1})
			if c.fails != isKind(err, core.KindInternal) || c.fails != errors.Is(err, ErrInjected) {
				t.Errorf("answer %v, want an error: %v", err, c.fails)
			}
			if got := entered(t, f.Engine, id); got[0] != c.persisted {
				t.Errorf("persisted %v, want %v", got[0], c.persisted)
			}
			do(t, b, &transfer{id: id + 1, from: funding, to: available, amount: 1}) // and it goes on
			checkLedger(t, f.Engine)
		})
	}
}

// testFaultsTogether: when a batch certainly left no trace, each of its
// commands is run by itself; otherwise nobody may run them again.
func testFaultsTogether(t *testing.T, fresh Fresh) {
	for _, c := range faultCases {
		t.Run(c.name, func(t *testing.T) {
			f := &Faulty{Engine: opened(t, fresh)}
			g := NewGate(f)
			b := start(t, g, store.Options{})
			f.Inject(0, c.fault) // the batch that opens the way is whole
			again := c.fault == FailBegin || c.fault == FailLoad || c.fault == FailWrite || c.fault == FailCommit || c.fault == FailAgain
			errs := g.Together(t, b,
				&transfer{id: 1, from: funding, to: available, amount: 1},
				&transfer{id: 2, from: funding, to: available, amount: 1},
				&transfer{id: 3, from: funding, to: available, amount: 1})
			for i, err := range errs {
				if again == (err != nil) {
					t.Errorf("command %d: %v", i+1, err)
				}
			}
			persisted := again || c.persisted
			if diff := cmp.Diff([]bool{persisted, persisted, persisted}, entered(t, f.Engine, 1, 2, 3)); diff != "" {
				t.Errorf("persisted (-want +got):\n%s", diff)
			}
			checkLedger(t, f.Engine)
		})
	}
}

func testFaultyUpdates(t *testing.T, fresh Fresh) {
	f := &Faulty{Engine: opened(t, fresh)}
	ctx := context.Background()
	for _, c := range faultCases {
		t.Run(c.name, func(t *testing.T) {
			f.Inject(c.fault)
			err := f.Update(ctx, func(sql store.SQL) error {
				_, err := sql.Exec(ctx, "INSERT INTO setting (name, value) VALUES ($1, $2)", c.name, "x")
				return err
			})
			if !errors.Is(err, ErrInjected) {
				t.Errorf("answer %v", err)
			}
			found := false
			err = f.View(ctx, func(sql store.SQL) error {
				return sql.Query(ctx, "SELECT 1 FROM setting WHERE name = $1", func(store.Scanner) error { found = true; return nil }, c.name)
			})
			if kept := c.fault == FailCommitKept; err != nil || found != kept {
				t.Errorf("persisted %v, want %v; %v", found, kept, err)
			}
		})
	}
}

// testInvariants runs commands from many goroutines while transactions fail at
// random: what was answered is there, what was refused is not, nobody is
// overdrawn, and all sums to nothing.
func testInvariants(t *testing.T, fresh Fresh) {
	f := &Faulty{Engine: opened(t, fresh)}
	b := start(t, f, store.Options{MaxBatch: 4})
	do(t, b, &transfer{id: 1, from: funding, to: available, amount: 200})
	const clients, steps = 8, 40
	var mu sync.Mutex
	accepted, refused := []core.LedgerID{1}, []core.LedgerID{}
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(client), 2))
			for step := range steps {
				if random.IntN(3) == 0 {
					f.Inject(FailBegin + Fault(random.IntN(int(FailAgain))))
				}
				c := &transfer{id: core.LedgerID(1000*(client+1) + step), from: available, to: other, amount: core.Credits(1 + random.IntN(3))}
				if random.IntN(2) == 0 {
					c.from, c.to = c.to, c.from
				}
				err := b.Do(context.Background(), c)
				mu.Lock()
				switch {
				case err == nil:
					accepted = append(accepted, c.id)
				case isKind(err, core.KindInsufficientBalance):
					refused = append(refused, c.id)
				case !isKind(err, core.KindInternal):
					t.Errorf("answer %v", err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for i, there := range entered(t, f.Engine, accepted...) {
		if !there {
			t.Errorf("command %d was accepted and is lost", accepted[i])
		}
	}
	for i, there := range entered(t, f.Engine, refused...) {
		if there {
			t.Errorf("command %d was refused and is there", refused[i])
		}
	}
	checkLedger(t, f.Engine)
}
