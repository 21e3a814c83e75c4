package storetest

import (
	"context"
	"errors"
	"sync"

	"yanma.dev/yanma/internal/store"
)

// Fault is one way in which a transaction fails.
type Fault uint8

// The faults. Every fault before the commit leaves no trace; the commit fails
// in both directions.
const (
	FailNothing    Fault = iota // all is well
	FailBegin                   // Begin
	FailLoad                    // Load
	FailWrite                   // Write
	FailCommit                  // Commit fails and says that it left no trace
	FailCommitLost              // Commit fails, left no trace, and says nothing about it
	FailCommitKept              // Commit fails, but everything is on disk
	FailAgain                   // Commit asks to run the batch again
)

// ErrInjected is what injected faults return.
var ErrInjected = errors.New("storetest: injected")

// Faulty is an engine whose transactions fail when told to. Update fails too:
// FailBegin and FailLoad before its function, FailWrite after it, the faults of
// the commit like those of a batch.
type Faulty struct {
	store.Engine
	mu     sync.Mutex
	faults []Fault
}

// Inject makes the next transactions fail, one fault each, in this order.
func (f *Faulty) Inject(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, faults...)
}

// Pending is how many faults have not happened yet.
func (f *Faulty) Pending() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.faults)
}

func (f *Faulty) next() Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.faults) == 0 {
		return 0
	}
	fault := f.faults[0]
	f.faults = f.faults[1:]
	return fault
}

// Begin implements store.Engine.
func (f *Faulty) Begin(ctx context.Context) (store.Tx, error) {
	fault := f.next()
	if fault == FailBegin {
		return nil, ErrInjected
	}
	tx, err := f.Engine.Begin(ctx)
	if err != nil || fault == FailNothing {
		return tx, err
	}
	return &faultyTx{Tx: tx, fault: fault}, nil
}

// Update implements store.Engine.
func (f *Faulty) Update(ctx context.Context, change func(store.SQL) error) error {
	fault := f.next()
	switch fault {
	case FailNothing:
		return f.Engine.Update(ctx, change)
	case FailBegin, FailLoad:
		return errors.Join(store.ErrNotCommitted, ErrInjected)
	case FailCommitKept:
		if err := f.Engine.Update(ctx, change); err != nil {
			return err
		}
		return ErrInjected
	default:
		return f.Engine.Update(ctx, func(sql store.SQL) error {
			if err := change(sql); err != nil {
				return err
			}
			return fault.lost()
		})
	}
}

// lost is the error of a commit that left no trace.
func (f Fault) lost() error {
	switch f {
	case FailCommitLost:
		return ErrInjected
	case FailAgain:
		return errors.Join(store.ErrAgain, ErrInjected)
	default:
		return errors.Join(store.ErrNotCommitted, ErrInjected)
	}
}

type faultyTx struct {
	store.Tx
	fault Fault
}

// Load implements store.Tx.
func (t *faultyTx) Load(ctx context.Context, b *store.Batch) error {
	if t.fault == FailLoad {
		return ErrInjected
	}
	return t.Tx.Load(ctx, b)
}

// Write implements store.Tx.
func (t *faultyTx) Write(ctx context.Context, b *store.Batch) error {
	if t.fault == FailWrite {
		return ErrInjected
	}
	return t.Tx.Write(ctx, b)
}

// Commit implements store.Tx.
func (t *faultyTx) Commit(ctx context.Context) error {
	switch t.fault {
	case FailCommit, FailCommitLost, FailAgain:
		return t.fault.lost()
	case FailCommitKept:
		if err := t.Tx.Commit(ctx); err != nil {
			return err
		}
		return ErrInjected
	default:
		return t.Tx.Commit(ctx)
	}
}
