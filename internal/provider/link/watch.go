package link

import (
	"time"

	"yanma.dev/yanma/internal/provider"
)

// watch looks after every deadline of a link with one ticker, until the link ends.
func (l *Link) watch() {
	shortest := min(l.keeper.client.cfg.ResponseTimeout, l.keeper.client.cfg.ProbeEvery)
	tick := time.NewTicker(min(max(shortest/20, time.Millisecond), 500*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			now := l.keeper.client.deps.Now()
			silent := l.expire(now)
			l.keepAlive(now, silent)
		case <-l.conn.Down():
			return
		}
	}
}

// expire settles as Unknown what has had no answer in time: its octets have
// left or will. silent tells that nothing at all came since one of them was
// queued, so that the link itself is in doubt.
func (l *Link) expire(now time.Time) (silent bool) {
	var late []slot
	l.mu.Lock()
	for i := range l.slots {
		sl := &l.slots[i]
		if sl.seq == 0 || now.Sub(sl.at) < l.keeper.client.cfg.ResponseTimeout {
			continue
		}
		late = append(late, slot{of: sl.of, part: sl.part})
		silent = silent || l.lastRead.Load() < int64(sl.at.Sub(l.began))
		sl.seq, sl.of = 0, nil
	}
	l.mu.Unlock()
	for _, sl := range late {
		l.release()
		sl.of.settle(sl.part, "", provider.Outcome{Class: provider.Unknown, Detail: "no answer in time"})
	}
	return silent
}

// keepAlive probes the peer after silence, and gives the link up when that has
// no answer, or a goodbye has none.
func (l *Link) keepAlive(now time.Time, inDoubt bool) {
	limit := l.keeper.client.cfg.ResponseTimeout
	l.mu.Lock()
	defer l.mu.Unlock()
	idle := now.Sub(l.began) - time.Duration(l.lastRead.Load())
	switch {
	case l.probe != 0 && now.Sub(l.probeAt) >= limit:
		l.conn.Close(errNoAnswer)
	case !l.retiredAt.IsZero() && now.Sub(l.retiredAt) >= limit:
		l.conn.Close(errGone)
	case l.probe == 0 && (inDoubt || idle >= l.keeper.client.cfg.ProbeEvery):
		l.probe, l.probeAt = l.freeSeq(), now
		l.request(l.keeper.protocol.AppendProbe, l.probe)
	}
}

// Alive notes the answer to the probe with the sequence number.
func (l *Link) Alive(seq uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.probe == seq {
		l.probe = 0
	}
}
