package store

import (
	"testing"

	"yanma.dev/yanma/internal/core"
)

// BenchmarkBegin measures what a small batch pays for the memory of a large
// one before it.
func BenchmarkBegin(b *testing.B) {
	var batch Batch
	batch.Begin(1)
	for i := range 512 {
		v := core.IndexValue{byte(i), byte(i >> 8)}
		batch.Live.Want(LiveKey{Index: v})
		batch.FailureOf.Want(FailureKey{Index: v})
		batch.UserOf.Want(UserKey{Index: v})
		batch.PutVerification(Verification{ID: core.VerificationID(i), Index: core.PhoneIndex{A: v}})
		batch.Messages.Put(core.MessageID(i), Message{ID: core.MessageID(i)})
		batch.Ledger.Put(core.LedgerID(i), Ledger{ID: core.LedgerID(i)})
	}
	batch.accept()
	b.ReportAllocs()
	for b.Loop() {
		batch.Begin(2)
		batch.Messages.Put(1, Message{ID: 1})
		batch.accept()
	}
}
