package smpp

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
	"yanma.dev/yanma/internal/provider/smpp/wire"
)

var (
	errGaveUp     = errors.New("the caller gave up")
	errTooLate    = errors.New("its life ended before its turn")
	errStopping   = errors.New("stopping")
	errDown       = errors.New("connection down")
	errNoAnswer   = errors.New("no answer to enquire_link")
	errUnbound    = errors.New("unbound")
	errPeerUnbind = errors.New("the SMSC unbound")
)

// link is one bound connection and its window.
type link struct {
	client     *Client
	conn       *wire.Conn
	places     chan struct{} // the window: full when it is
	writerDone chan struct{}
	lastRead   atomic.Int64 // Unix nanoseconds
	incoming   pdu.SM       // readLoop's

	mu        sync.Mutex
	slots     []slot // a power of two, at least twice the window; by sequence number
	seq       uint32
	ended     bool // no more submissions: retired, or being settled
	why       error
	retiredAt time.Time
	enquiry   uint32 // sequence number of the enquire_link without an answer; 0 is none
	enquiryAt time.Time
}

// slot is one submit_sm without an answer.
type slot struct {
	seq     uint32 // 0 is free
	part    int
	of      *submission
	offset  uint64 // where in the stream it begins
	at      time.Time
	retried bool
	frame   []byte // for the statuses that are retried once; its room is used again
}

func newLink(c *Client, conn *wire.Conn) *link {
	size := 16
	for size < 2*c.cfg.Window {
		size *= 2
	}
	l := &link{
		client: c, conn: conn, slots: make([]slot, size),
		places: make(chan struct{}, c.cfg.Window), writerDone: make(chan struct{}),
	}
	l.lastRead.Store(c.deps.Now().UnixNano())
	return l
}

// admit waits for a place in the window and then for the pace, but for no longer
// than life: what is over when its turn comes must not leave. 0 is for ever.
func (l *link) admit(life time.Duration, giveUp <-chan struct{}, stop <-chan struct{}) error {
	select {
	case l.places <- struct{}{}:
	default:
		began := l.client.deps.Now()
		if err := l.awaitPlace(life, giveUp, stop); err != nil {
			return err
		}
		if life > 0 {
			life = max(life-l.client.deps.Now().Sub(began), 1)
		}
	}
	wait := l.client.pace.reserve(l.client.deps.Now())
	if wait == 0 {
		return nil
	}
	err := l.sleep(wait, life, giveUp, stop)
	if err != nil {
		<-l.places
	}
	return err
}

func (l *link) awaitPlace(life time.Duration, giveUp, stop <-chan struct{}) error {
	over, end := ending(life)
	defer end()
	select {
	case l.places <- struct{}{}:
		return nil
	case <-over:
		return errTooLate
	case <-giveUp:
		return errGaveUp
	case <-stop:
		return errStopping
	case <-l.conn.Down():
		return errDown
	}
}

// ending is a channel that tells when life is over; never for 0.
func ending(life time.Duration) (over <-chan time.Time, end func() bool) {
	if life <= 0 {
		return nil, func() bool { return false }
	}
	timer := time.NewTimer(life)
	return timer.C, timer.Stop
}

func (l *link) sleep(d, life time.Duration, giveUp, stop <-chan struct{}) error {
	if life > 0 && d >= life {
		return errTooLate
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-giveUp:
		return errGaveUp
	case <-stop:
		return errStopping
	case <-l.conn.Down():
		return errDown
	}
}

// submit queues one part that has its place in the window, or settles it.
func (l *link) submit(s *submission, part int, sm *pdu.SM) {
	now := l.client.deps.Now()
	l.mu.Lock()
	err := errDown
	if !l.ended {
		err = l.queue(s, part, sm, now)
	}
	l.mu.Unlock()
	if err == nil {
		return
	}
	<-l.places
	o := provider.Outcome{Class: provider.NotSent, Detail: err.Error()}
	if errors.Is(err, pdu.ErrField) {
		o = provider.Outcome{Class: provider.Rejected, Code: "local", Detail: err.Error()}
	}
	s.settle(part, "", o)
}

// queue needs l.mu.
func (l *link) queue(s *submission, part int, sm *pdu.SM, now time.Time) error {
	seq := l.freeSeq()
	sl := &l.slots[seq&uint32(len(l.slots)-1)]
	offset, err := l.conn.Append(func(dst []byte) ([]byte, error) {
		start := len(dst)
		dst, err := pdu.AppendSM(dst, pdu.SubmitSM, seq, sm)
		sl.frame = append(sl.frame[:0], dst[start:]...)
		return dst, err
	})
	if err != nil {
		return err
	}
	sl.seq, sl.of, sl.part, sl.at, sl.offset, sl.retried = seq, s, part, now, offset, false
	return nil
}

// freeSeq is the next sequence number whose slot is free. It needs l.mu, and
// ends because there are twice as many slots as places.
func (l *link) freeSeq() uint32 {
	for {
		seq := l.nextSeq()
		if l.slots[seq&uint32(len(l.slots)-1)].seq == 0 {
			return seq
		}
	}
}

// nextSeq needs l.mu, or that nobody else knows the link yet.
func (l *link) nextSeq() uint32 {
	l.seq++
	if l.seq > pdu.MaxSeq {
		l.seq = 1
	}
	return l.seq
}

// answered settles the part that a submit_sm_resp or generic_nack answers.
func (l *link) answered(seq uint32, status pdu.Status, id string) {
	v := l.client.cfg.classify(status)
	l.mu.Lock()
	sl := &l.slots[seq&uint32(len(l.slots)-1)]
	if seq == 0 || sl.seq != seq {
		l.mu.Unlock()
		l.client.deps.Log.Debug("smpp late answer ignored", slog.String("link", l.client.cfg.Name), slog.String("status", status.String()))
		return
	}
	if v.effect == effectRetry && !sl.retried && l.again(sl) {
		l.mu.Unlock()
		return
	}
	s, part := sl.of, sl.part
	sl.seq, sl.of = 0, nil
	l.mu.Unlock()
	<-l.places
	l.react(v.effect)
	s.settle(part, id, outcome(v.class, status))
}

// again queues a refused part once more, under its own sequence number, which
// has been answered and so is free. It needs l.mu.
func (l *link) again(sl *slot) bool {
	if l.ended {
		return false
	}
	offset, err := l.conn.Append(func(dst []byte) ([]byte, error) { return append(dst, sl.frame...), nil })
	if err != nil {
		return false
	}
	sl.retried, sl.offset, sl.at = true, offset, l.client.deps.Now()
	return true
}

// react does what a status means for the link.
func (l *link) react(e effect) {
	switch e {
	case effectNone, effectRetry:
	case effectSlow:
		l.client.pace.throttled(l.client.deps.Now())
	case effectRebind:
		l.retire(errors.New("the SMSC says that the link is not bound"))
	}
}

// retire takes the link out of use and unbinds: answers that are on their way
// come before the SMSC's answer to that.
func (l *link) retire(why error) {
	l.client.link.CompareAndSwap(l, nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended, l.why, l.retiredAt = true, why, l.client.deps.Now()
	_ = l.conn.Empty(pdu.Unbind, pdu.OK, l.freeSeq()) // on a closed connection there is nothing to unbind
}

// abandon settles what the ended connection left: exactly those whose first
// octet the network never took are NotSent. Both loops have ended.
func (l *link) abandon() {
	written := l.conn.Written()
	l.mu.Lock()
	l.ended = true
	left := make([]slot, 0, len(l.places))
	for i := range l.slots {
		if l.slots[i].seq != 0 {
			left = append(left, l.slots[i])
			l.slots[i] = slot{}
		}
	}
	l.mu.Unlock()
	for _, sl := range left {
		o := provider.Outcome{Class: provider.Unknown, Detail: "connection lost before the answer"}
		if sl.offset >= written {
			o = provider.Outcome{Class: provider.NotSent, Detail: errDown.Error()}
		}
		<-l.places
		sl.of.settle(sl.part, "", o)
	}
}

// reason is why the link ended.
func (l *link) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why != nil {
		return l.why
	}
	return l.conn.Err()
}
