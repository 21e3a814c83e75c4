package numberverify

import (
	"sync/atomic"

	"yanma.dev/yanma/internal/breaker"
)

// Stats is how the gateways stand, since the process began.
type Stats struct {
	Gateways []GatewayStats // in their order
	Withheld int            // charges that wait to be given back
}

// GatewayStats is how one gateway stands.
type GatewayStats struct {
	Name     string
	Breaker  breaker.State
	Opened   int64           // how often the breaker opened
	Answered int64           // questions with an answer
	Failed   map[Class]int64 // those without one, by why; only those that there were, and those that the operator must mend
}

// tally counts a gateway's answers.
type tally struct {
	opened, answered atomic.Int64
	failed           [classEnd]atomic.Int64
}

// mended are the classes that are shown before the first one of them, so that an
// alarm sees it come.
var mended = [...]Class{ClassCarrier, ClassCaller, ClassQuota, ClassTimeout}

// Stats counts.
func (s *Service) Stats() Stats {
	all := Stats{Withheld: s.Withheld()}
	for _, r := range s.routes {
		g := GatewayStats{Name: r.Gateway.Name(), Breaker: r.breaker.State(), Opened: r.tally.opened.Load(), Answered: r.tally.answered.Load(),
			Failed: map[Class]int64{}}
		for _, class := range mended {
			g.Failed[class] = 0
		}
		for i := range r.tally.failed {
			if n := r.tally.failed[i].Load(); n > 0 {
				g.Failed[Class(i)] = n
			}
		}
		all.Gateways = append(all.Gateways, g)
	}
	return all
}
