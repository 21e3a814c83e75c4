package smpp

import (
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

// watch looks after every deadline of a link with one ticker, until the link ends.
func (l *link) watch() {
	shortest := min(l.client.cfg.ResponseTimeout, l.client.cfg.EnquireEvery)
	tick := time.NewTicker(min(max(shortest/20, time.Millisecond), 500*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			now := l.client.deps.Now()
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
func (l *link) expire(now time.Time) (silent bool) {
	var late []slot
	l.mu.Lock()
	for i := range l.slots {
		sl := &l.slots[i]
		if sl.seq == 0 || now.Sub(sl.at) < l.client.cfg.ResponseTimeout {
			continue
		}
		late = append(late, slot{of: sl.of, part: sl.part})
		silent = silent || l.lastRead.Load() < sl.at.UnixNano()
		sl.seq, sl.of = 0, nil
	}
	l.mu.Unlock()
	for _, sl := range late {
		<-l.places
		sl.of.settle(sl.part, "", provider.Outcome{Class: provider.Unknown, Detail: "no answer in time"})
	}
	return silent
}

// keepAlive sends enquire_link after silence, and gives the link up when that
// has no answer, or an unbind has none.
func (l *link) keepAlive(now time.Time, inDoubt bool) {
	limit := l.client.cfg.ResponseTimeout
	l.mu.Lock()
	defer l.mu.Unlock()
	idle := now.Sub(time.Unix(0, l.lastRead.Load()))
	switch {
	case l.enquiry != 0 && now.Sub(l.enquiryAt) >= limit:
		l.conn.Close(errNoAnswer)
	case !l.retiredAt.IsZero() && now.Sub(l.retiredAt) >= limit:
		l.conn.Close(errUnbound)
	case l.enquiry == 0 && (inDoubt || idle >= l.client.cfg.EnquireEvery):
		l.enquiry, l.enquiryAt = l.freeSeq(), now
		_ = l.conn.Empty(pdu.EnquireLink, pdu.OK, l.enquiry) // a closed connection ends watch
	}
}

// alive notes the answer to an enquire_link.
func (l *link) alive(seq uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.enquiry == seq {
		l.enquiry = 0
	}
}
