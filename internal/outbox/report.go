package outbox

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// otherFailure is the jsms status of an end that no receipt explained
// (contracts/delivery.md §8).
const otherFailure = 4100

// tell notes for the app that one of its messages ended, or was reported on
// anew, in the commit in which it did.
func tell(b *store.Batch, ids *core.IDs, m *store.Message) {
	if !m.Report {
		return
	}
	status := m.Status
	if status == 0 {
		status = otherFailure
	}
	id := core.EventID(ids.Next())
	b.Events.Put(id, store.Event{ID: id, App: m.App, Kind: store.EventReceipt, Ref: int64(m.ID), Status: status, At: b.Now})
}
