package outbox

import (
	"strings"
	"testing"
	"testing/synctest"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// TestLongIDsOfACarrier: a carrier whose ids are longer than an index takes still
// has its receipts matched, and what is stored is short.
func TestLongIDsOfACarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := strings.Repeat("0123456789", 2000)
		w := newLiveWorld(t)
		p := &scripted{name: carrier, answer: func(int, provider.Message) provider.Outcome { return accepted(long) }}
		n := start(t, w, w.options(p))
		row := n.send(t)
		synctest.Wait()
		w.expect(t, row.ID, store.MessageSubmitted, store.MoneySettled)
		w.memory.mu.Lock()
		for key := range w.memory.receipts {
			if len(key.PartID) > 255 {
				t.Errorf("%d bytes of an id are stored", len(key.PartID))
			}
		}
		w.memory.mu.Unlock()
		n.Receipt(carrier, provider.Receipt{PartID: "x" + long, AltIDs: []string{"short", long}, State: provider.StateDelivered, JSMS: 4001}, func(err error) {
			if err != nil {
				t.Error(err)
			}
		})
		n.Receipt(carrier, provider.Receipt{PartID: "y" + long, State: provider.StateDelivered, JSMS: 4001}, func(error) {})
		twoTurns()
		w.expect(t, row.ID, store.MessageDelivered, store.MoneySettled)
		w.memory.mu.Lock()
		defer w.memory.mu.Unlock()
		for key := range w.memory.orphans {
			if len(key.PartID) > 255 {
				t.Errorf("%d bytes of an unknown id are stored", len(key.PartID))
			}
		}
	})
}
