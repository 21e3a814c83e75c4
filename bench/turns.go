package main

import "time"

const (
	// turns of floor and flow, so that a machine that changes its speed
	// meanwhile does so to both.
	turns = 4
	// settle lets the receipts of a turn come in (2 s after the submit) and be
	// recorded before the floor has the machine to itself.
	settle = 3 * time.Second
)

// drive keeps a server busy for a while, and measures what that costs.
type drive func(conns int, span time.Duration) (result, cost, error)

// againstFloor measures the floor and a server in turn: the flows of all turns,
// and the floor's.
func (b *bench) againstFloor(conns int, run drive) (flows compared, floor result, err error) {
	if _, _, err := run(conns, warmUp); err != nil {
		return flows, floor, err
	}
	for range turns {
		time.Sleep(settle)
		f, err := b.load(b.floor, conns, b.span/turns/2, floorFlow(b.number))
		if err != nil {
			return flows, floor, err
		}
		floor.Flows += f.Flows
		floor.Elapsed += f.Elapsed
		if _, _, err := run(conns, warmUp/turns); err != nil {
			return flows, floor, err
		}
		r, c, err := run(conns, b.span/turns)
		if err != nil {
			return flows, floor, err
		}
		flows.add(r, c)
	}
	return flows, floor, nil
}
