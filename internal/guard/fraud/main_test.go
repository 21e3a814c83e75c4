package fraud

import (
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// many is n, or a tenth of it where the race detector looks.
func many(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

var epoch = time.Date(2026, 11, 2, 4, 0, 0, 0, time.UTC)

// someone is one of many people: numbers and addresses differ by i.
func someone(i int) Subject {
	return Subject{Tenant: 1, App: 1, Country: "CN", Prefix: 8613000 + uint64(i%1000), Number: uint64(i) + 1,
		IP: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}
}

// pumped is a number of one prefix, from anywhere.
func pumped(i int) Subject {
	s := someone(i)
	s.Prefix, s.IP = 8617799, netip.AddrFrom4([4]byte{byte(20 + i%100), byte(i), byte(i >> 4), 1})
	return s
}

// flood admits n requests of one instant and counts outcomes.
func flood(e *Engine, now time.Time, n int, s func(i int) Subject) (out [3]int) {
	for i := range n {
		d := e.Admit(now, s(i))
		out[d.Outcome]++
	}
	return out
}
