package outbox

import (
	"strings"
	"testing"

	"yanma.dev/yanma/internal/store"
)

// The table of contracts/delivery.md §8, typed from the contract. Its last row,
// "an operator may requeue", is dead → queued.
const contractTable = `
queued: leased expired
leased: queued submitted unknown rejected expired
unknown: submitted queued expired dead
rejected: queued dead
undelivered: queued delivered
submitted: delivered undelivered expired
expired: dead
delivered:
dead: queued
`

func TestAllowedIsTheContractsTable(t *testing.T) {
	want := map[string]bool{}
	for line := range strings.Lines(strings.TrimSpace(contractTable)) {
		from, tos, _ := strings.Cut(line, ":")
		for _, to := range strings.Fields(tos) {
			want[from+" "+to] = true
		}
	}
	moves := 0
	for from := store.MessageQueued; from <= store.MessageDead+1; from++ {
		for to := store.MessageQueued; to <= store.MessageDead+1; to++ {
			if Allowed(from, to) {
				moves++
			}
			if got := Allowed(from, to); got != want[from.String()+" "+to.String()] {
				t.Errorf("%s → %s allowed = %v", from, to, got)
			}
		}
	}
	if moves != len(want) {
		t.Errorf("%d moves, want %d", moves, len(want))
	}
}

func TestMoveRefusesWhatTheTableDoesNotHave(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("delivered → queued was not refused")
		}
	}()
	move(&store.Message{State: store.MessageDelivered}, store.MessageQueued, 1)
}
