package store

import (
	"testing"

	"yanma.dev/yanma/internal/core"
)

func side(n byte) core.IndexValue { return core.IndexValue{n} }

func TestBatchFindsByBothSides(t *testing.T) {
	var b Batch
	b.Begin(1)
	both := core.PhoneIndex{A: side(1), B: side(2)}
	b.PutVerification(Verification{ID: 1, App: 1, Purpose: 1, Index: both})
	b.PutFailure(Failure{ID: 2, App: 1, Purpose: 1, Index: both, Scope: 5})
	b.PutUser(User{ID: 3, Tenant: 1, Index: both})
	for _, v := range []core.IndexValue{side(1), side(2)} {
		if got := b.LiveVerifications(LiveKey{App: 1, Purpose: 1, Index: v}); len(got) != 1 || got[0].ID != 1 {
			t.Errorf("live codes %+v", got)
		}
		if got, ok := b.Failure(FailureKey{App: 1, Purpose: 1, Index: v}, 5); !ok || got.ID != 2 {
			t.Errorf("counters %+v, %v", got, ok)
		}
		if got, ok := b.Failure(FailureKey{App: 1, Purpose: 1, Index: v}, 0); ok {
			t.Errorf("counters of another scope %+v", got)
		}
		if got, ok := b.User(UserKey{Tenant: 1, Index: v}); !ok || got.ID != 3 {
			t.Errorf("user %+v, %v", got, ok)
		}
	}
	for _, k := range []LiveKey{{App: 2, Purpose: 1, Index: side(1)}, {App: 1, Purpose: 2, Index: side(1)}, {App: 1, Purpose: 1}} {
		if got := b.LiveVerifications(k); got != nil {
			t.Errorf("live codes of %+v: %+v", k, got)
		}
	}
}

func TestBatchFindsOnlyLiveCodes(t *testing.T) {
	for state, live := range map[VerificationState]bool{VerificationPending: true, VerificationClaimed: true, VerificationVerified: false,
		VerificationExpired: false, VerificationExhausted: false, VerificationSuperseded: false} {
		var b Batch
		b.Begin(1)
		b.LoadedVerification(Verification{ID: 1, Index: core.PhoneIndex{A: side(1)}, State: state})
		if got := len(b.LiveVerifications(LiveKey{Index: side(1)})) == 1; got != live || state.Live() != live {
			t.Errorf("state %d is live: %v, want %v", state, got, live)
		}
	}
}

// TestBatchForgetsMovedNumbers: a refused command gave a user another number;
// that number must not lead to the user afterwards.
func TestBatchForgetsMovedNumbers(t *testing.T) {
	var b Batch
	b.Begin(1)
	b.LoadedUser(User{ID: 1, Tenant: 1, Index: core.PhoneIndex{A: side(1)}})
	b.LoadedFailure(Failure{ID: 1, Index: core.PhoneIndex{A: side(1)}})
	b.LoadedVerification(Verification{ID: 1, Index: core.PhoneIndex{A: side(1)}})
	moved := core.PhoneIndex{A: side(2)}
	b.PutUser(User{ID: 1, Tenant: 1, Index: moved})
	b.PutFailure(Failure{ID: 1, Index: moved})
	b.PutVerification(Verification{ID: 1, Index: moved})
	if u, ok := b.User(UserKey{Tenant: 1, Index: side(1)}); ok {
		t.Errorf("the old number leads to %+v", u)
	}
	b.refuse()
	if u, ok := b.User(UserKey{Tenant: 1, Index: side(2)}); ok {
		t.Errorf("the refused number leads to %+v", u)
	}
	if f, ok := b.Failure(FailureKey{Index: side(2)}, 0); ok {
		t.Errorf("the refused number leads to %+v", f)
	}
	if live := b.LiveVerifications(LiveKey{Index: side(2)}); live != nil {
		t.Errorf("the refused number leads to %+v", live)
	}
	if _, ok := b.User(UserKey{Tenant: 1, Index: side(1)}); !ok {
		t.Error("the old number leads nowhere after the refusal")
	}
}

func TestBatchJournal(t *testing.T) {
	var b Batch
	b.Begin(1)
	if b.Changed() {
		t.Error("an empty batch has something to write")
	}
	b.AppendJournal([]byte("a"))
	b.accept()
	b.AppendJournal([]byte("b"))
	b.refuse()
	b.AppendJournal([]byte("c"))
	b.accept()
	if got := string(b.Journal()); got != "ac" || !b.Changed() {
		t.Errorf("journal %q", got)
	}
	b.Begin(2)
	if len(b.Journal()) != 0 || b.Now != 2 || b.Changed() {
		t.Error("something is left of the batch before")
	}
}

func TestBatchWaits(t *testing.T) {
	for name, want := range map[string]func(*Batch){
		"verification": func(b *Batch) { b.Verifications.Want(1) },
		"live":         func(b *Batch) { b.Live.Want(LiveKey{}) },
		"failure":      func(b *Batch) { b.Failures.Want(1) },
		"failure of":   func(b *Batch) { b.FailureOf.Want(FailureKey{}) },
		"user":         func(b *Batch) { b.Users.Want(1) },
		"user of":      func(b *Batch) { b.UserOf.Want(UserKey{}) },
		"alias":        func(b *Batch) { b.Aliases.Want(AliasKey{}) },
		"known":        func(b *Batch) { b.Known.Want(KnownKey{}) },
		"account":      func(b *Batch) { b.Accounts.Want(1) },
		"ledger":       func(b *Batch) { b.Ledger.Want(1) },
		"message":      func(b *Batch) { b.Messages.Want(1) },
		"receipt":      func(b *Batch) { b.Receipts.Want(ReceiptKey{}) },
		"orphan":       func(b *Batch) { b.Orphans.Want(ReceiptKey{}) },
		"event":        func(b *Batch) { b.Events.Want(1) },
		"call":         func(b *Batch) { b.Calls.Want(CallKey{}) },
		"proof":        func(b *Batch) { b.Proofs.Want(ProofKey{}) },
		"spend":        func(b *Batch) { b.Spends.Want(1) },
		"number check": func(b *Batch) { b.NumberChecks.Want(1) },
	} {
		var b Batch
		b.Begin(1)
		if b.Waits() {
			t.Errorf("%s: waits for nothing", name)
		}
		want(&b)
		if !b.Waits() {
			t.Errorf("%s: does not wait", name)
		}
		b.LoadDone()
		want(&b)
		if b.Waits() {
			t.Errorf("%s: waits after the load", name)
		}
	}
}
