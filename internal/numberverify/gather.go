package numberverify

import "time"

// A commit costs almost the same whatever it holds. Questions that were answered
// at about the same time go into one: each waits until half of what is under way
// is ready, or for gatherAnswers, whichever comes first. One that is alone, or
// with one other, does not wait.
const (
	gatherAnswers = 2 * time.Millisecond
	fullGroup     = 32 // shares the cost of a commit well enough
)

// gathering is a group of questions that wait for each other.
type gathering struct {
	ready int
	open  chan struct{} // closed when they may go on
}

// gather returns when a question's end may go to the store. The first of a group
// minds the time.
func (u *underway) gather() {
	u.mu.Lock()
	g, first := u.group, u.group == nil
	if first {
		if len(u.proofs) <= 2 {
			u.mu.Unlock()
			return
		}
		g = &gathering{open: make(chan struct{})}
		u.group = g
	}
	if g.ready++; g.ready >= fullGroup || 2*g.ready >= len(u.proofs) {
		u.letGo(g)
	}
	u.mu.Unlock()
	if first {
		u.mind(g)
		return
	}
	<-g.open
}

// mind ends a group whose time is up, if it has not ended.
func (u *underway) mind(g *gathering) {
	late := time.NewTimer(gatherAnswers)
	defer late.Stop()
	select {
	case <-g.open:
	case <-late.C:
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.group == g {
			u.letGo(g)
		}
	}
}

// letGo lets a group go on; the lock is held.
func (u *underway) letGo(g *gathering) {
	u.group = nil
	close(g.open)
}
