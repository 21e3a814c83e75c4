package outbox

import (
	"testing"
	"testing/synctest"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
)

// TestCodesOvertakeNotices: a code that comes behind a batch of notices for the
// same provider is the next to leave, also when the batch fills queue and lane.
func TestCodesOvertakeNotices(t *testing.T) {
	const places = 20
	for name, notices := range map[string]int{"one provider": 2 + places, "apart": 2 + 2*places} { // one sent, one at the window, the line full
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newLiveWorld(t)
				slow := &scripted{name: "slow", answer: always(provider.Accepted), window: make(chan struct{}, 1), delay: time.Second}
				o := w.apart(slow)
				o.Apart, o.Queue = name == "apart", places
				n := start(t, w, o)
				for range notices {
					n.sendBy(t, "slow")
					synctest.Wait()
				}
				code := &accept{world: w, row: w.newMessage(1)}
				code.row.Verification = 77
				w.do(t, code)
				n.HandOff(Outgoing{Row: code.row, To: core.PhoneFromE164(number), Text: text, From: "slow"})
				time.Sleep(3 * time.Second)
				synctest.Wait()
				at := -1
				for i, m := range slow.submitted() {
					if m.ID == code.row.ID {
						at = i
					}
				}
				if at < 0 || at > 2 { // one is sent, one waits for the window
					t.Errorf("the code left as number %d of %d", at, len(slow.submitted()))
				}
				time.Sleep(5 * time.Minute) // the others leave, too
				synctest.Wait()
				if got := len(slow.submissions()); got != notices+1 {
					t.Errorf("%d of %d sent", got, notices+1)
				}
			})
		})
	}
}
