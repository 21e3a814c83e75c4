package simulation

import (
	"sync"
	"testing"
)

// The failpoints of the disk, by what would be committed. Every run fails one
// of them on purpose, each in four ways in turn; the others fail by chance.
var failpoints = []string{
	"commit start", "commit login", "commit claim", "commit release", "commit wrong try",
	"commit accepted", "commit receipt", "commit unknown", "commit not sent", "commit taken up",
	"update tunnel.Service.ProvisionUser", "update account.Devices.update", "flush",
}

// target is a failpoint that one run fails on purpose.
type target struct {
	point   string
	verdict verdict
	mu      sync.Mutex
	skip    int // calls that go well before
}

// targetOf gives each seed one failpoint, in turn.
func targetOf(seed int64) *target {
	n := int(seed) % (len(failpoints) * len(ways))
	return &target{point: failpoints[n%len(failpoints)], verdict: ways[n/len(failpoints)], skip: fate(seed).below(2, "which call")}
}

// hit tells whether this call is the one.
func (t *target) hit(point string) bool {
	if t == nil || point != t.point {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.skip--
	return t.skip == -1
}

// needs is the habit that leads to the failpoint; "" where any does.
func (t *target) needs() string {
	switch {
	case t == nil:
		return ""
	case t.point == "commit wrong try":
		return "guesses"
	case t.point == "update account.Devices.update":
		return "brings a device"
	default:
		return ""
	}
}

// outsidePairs are the other outside calls, each failed and failed-but-happened.
var outsidePairs = [][2]string{
	{"submit line lost", "submit taken, line lost"},
	{"submit silent", "submit taken, silent"},
	{"webhook line lost", "webhook done, line lost"},
	{"webhook refused", "webhook done, too late"},
	{"http lost before", "http lost after"},
}

// ways are how a failpoint fails.
var ways = []verdict{failed, failedKept, crashed, crashedKept}

// missed is a seed after last that fails a failpoint in a way that no run did
// yet; 0 when there is none.
func (h *hits) missed(last int64) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := int64(len(failpoints) * len(ways))
	for seed := last + 1; seed <= last+all; seed++ {
		t := targetOf(seed)
		if n := h.of[t.point]; n == nil || n[t.verdict] == 0 {
			return seed
		}
	}
	return 0
}

// checkOutside: the other outside calls failed, too, before and after they had
// their effect.
func (h *hits) checkOutside(t *testing.T) {
	t.Helper()
	for _, pair := range outsidePairs {
		for _, point := range pair {
			if h.of[point] == nil {
				t.Errorf("%s never happened", point)
			}
		}
	}
}
