package outbox

import (
	"sync"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// custodian knows which messages this process has in its hands, from their
// hand-off until their outcome is on disk.
type custodian struct {
	node  uint8
	first core.MessageID // smaller than every id made in this life

	mu       sync.Mutex
	empty    sync.Cond
	inFlight map[core.MessageID]struct{}
	unsent   map[core.MessageID]store.Time // end of a lease that may or may not be on disk
	gaveUp   bool
}

func (c *custodian) init(node uint8, first core.MessageID) {
	c.node, c.first = node, first
	c.empty.L = &c.mu
	c.inFlight = make(map[core.MessageID]struct{})
	c.unsent = make(map[core.MessageID]store.Time)
}

// add takes a message, unless this process has it already.
func (c *custodian) add(id core.MessageID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, has := c.inFlight[id]; has {
		return false
	}
	c.inFlight[id] = struct{}{}
	delete(c.unsent, id)
	return true
}

func (c *custodian) remove(id core.MessageID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.inFlight, id)
	if len(c.inFlight) == 0 {
		c.empty.Broadcast()
	}
}

// of is the custody of a row that is leased by this node, or InFlight whoever
// holds the row when this process has it in its hands.
func (c *custodian) of(m *store.Message) Custody {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, has := c.inFlight[m.ID]; has {
		return InFlight
	}
	if end, has := c.unsent[m.ID]; m.ID > c.first || has && end == m.Due {
		return NeverSent
	}
	return EarlierLife
}

// neverSent notes leases whose commit's answer was lost: nothing was sent.
func (c *custodian) neverSent(rows []store.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range rows {
		c.unsent[rows[i].ID] = rows[i].Due
	}
}

func (c *custodian) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.inFlight)
}

// waitEmpty waits until nothing is in flight, or giveUp was called.
func (c *custodian) waitEmpty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.inFlight) > 0 && !c.gaveUp {
		c.empty.Wait()
	}
}

func (c *custodian) giveUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gaveUp = true
	c.empty.Broadcast()
}
