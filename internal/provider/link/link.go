package link

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/provider"
)

var (
	errGaveUp   = errors.New("the caller gave up")
	errTooLate  = errors.New("its life ended before its turn")
	errStopping = errors.New("stopping")
	errDown     = errors.New("connection down")
	errNoLink   = errors.New("no connection")
	errNoAnswer = errors.New("the peer does not answer")
	errGone     = errors.New("ended in order")
)

// Link is one connection that the peer let us in on, and its window. Its
// methods are the protocol's tools; they are safe for concurrent use.
type Link struct {
	keeper     *keeper
	conn       *Conn
	places     chan struct{} // the window: full when it is
	writerDone chan struct{}
	began      time.Time
	lastRead   atomic.Int64 // nanoseconds since it began, whatever the wall clock did

	mu        sync.Mutex
	slots     []slot // a power of two, at least twice the window; by sequence number
	seq       uint32
	ended     bool // no more submissions: retired, or being settled
	why       error
	retiredAt time.Time
	probe     uint32 // sequence number of the probe without an answer; 0 is none
	probeAt   time.Time
}

// slot is one submission without an answer.
type slot struct {
	seq     uint32 // 0 is free
	part    int
	of      *submission
	offset  uint64 // where in the stream it begins
	at      time.Time
	retried bool
	frame   []byte // with Config.Retries; its room is used again
}

// Effect is what an answer does to the link, besides the message's outcome.
type Effect uint8

// The effects.
const (
	EffectNone    Effect = iota
	EffectSlow           // pause, then half the rate
	EffectRelogin        // the peer holds another view of the session: leave in order and log in anew
	EffectRetry          // send this part once more; its outcome counts when it has been. Needs Config.Retries
)

// Conn is the connection, for answers to the peer.
func (l *Link) Conn() *Conn { return l.conn }

func newLink(k *keeper, conn *Conn) *Link {
	c := k.client
	size := 16
	for size < 2*c.cfg.Window {
		size *= 2
	}
	l := &Link{
		keeper: k, conn: conn, slots: make([]slot, size),
		places: make(chan struct{}, c.cfg.Window), writerDone: make(chan struct{}),
	}
	l.began = c.deps.Now()
	return l
}

// submit queues one part that has its place in the window, or settles it when it
// can not be encoded. With an error the link is down, and the part is the
// caller's.
func (l *Link) submit(s *submission, part int, encode Encode) error {
	now := l.keeper.client.deps.Now()
	l.mu.Lock()
	err := errDown
	if !l.ended {
		err = l.queue(s, part, encode, now)
	}
	l.mu.Unlock()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errDown), errors.Is(err, ErrClosed):
		l.release()
		return errDown
	}
	l.release()
	s.settle(part, "", Refused(err))
	return nil
}

// Refused is the outcome of a message that can not be written as the protocol
// wants it.
func Refused(err error) provider.Outcome {
	return provider.Outcome{Class: provider.Rejected, Code: "local", Detail: err.Error()}
}

// queue needs l.mu.
func (l *Link) queue(s *submission, part int, encode Encode, now time.Time) error {
	seq := l.freeSeq()
	sl := &l.slots[seq&uint32(len(l.slots)-1)]
	offset, err := l.conn.Append(func(dst []byte) ([]byte, error) {
		start := len(dst)
		dst, err := encode(dst, l.keeper.protocol, part, seq)
		if l.keeper.client.cfg.Retries && err == nil {
			sl.frame = append(sl.frame[:0], dst[start:]...)
		}
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
func (l *Link) freeSeq() uint32 {
	for {
		seq := l.nextSeq()
		if l.slots[seq&uint32(len(l.slots)-1)].seq == 0 {
			return seq
		}
	}
}

// nextSeq needs l.mu, or that nobody else knows the link yet.
func (l *Link) nextSeq() uint32 {
	l.seq++
	if l.seq > maxSeq {
		l.seq = 1
	}
	return l.seq
}

// maxSeq is the highest sequence number of SMPP, and half of CMPP's.
const maxSeq = 0x7fffffff

// NextSeq is the sequence number of a request during Login.
func (l *Link) NextSeq() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.nextSeq()
}

// Answered settles the part that the peer's answer with the sequence number is
// about; id is the carrier's when it was accepted. An answer that nobody waits
// for any more changes nothing.
func (l *Link) Answered(seq uint32, o provider.Outcome, e Effect, id string) {
	l.mu.Lock()
	sl := &l.slots[seq&uint32(len(l.slots)-1)]
	if seq == 0 || sl.seq != seq {
		l.mu.Unlock()
		l.keeper.log().Debug("late answer ignored", slog.String("class", o.Class.String()), slog.String("code", o.Code))
		return
	}
	if e == EffectRetry && !sl.retried && l.again(sl) {
		l.mu.Unlock()
		return
	}
	s, part := sl.of, sl.part
	sl.seq, sl.of = 0, nil
	l.mu.Unlock()
	l.release()
	l.react(e)
	s.settle(part, id, o)
}

// again queues a refused part once more, under its own sequence number, which
// has been answered and so is free. It needs l.mu.
func (l *Link) again(sl *slot) bool {
	if l.ended {
		return false
	}
	offset, err := l.conn.Append(func(dst []byte) ([]byte, error) { return append(dst, sl.frame...), nil })
	if err != nil {
		return false
	}
	sl.retried, sl.offset, sl.at = true, offset, l.keeper.client.deps.Now()
	return true
}

// react does what an answer means for the link.
func (l *Link) react(e Effect) {
	switch e {
	case EffectNone, EffectRetry:
	case EffectSlow:
		l.keeper.pace.Throttled(l.keeper.client.deps.Now())
	case EffectRelogin:
		l.retire(errors.New("the peer says that we are not logged in"))
	}
}

// request queues a frame that has no body and can not fail to encode. On a
// connection that has ended there is nobody to ask.
func (l *Link) request(encode func(dst []byte, seq uint32) []byte, seq uint32) {
	_, _ = l.conn.Append(func(dst []byte) ([]byte, error) { return encode(dst, seq), nil })
}

// retire takes the link out of use and says goodbye: answers that are on their
// way come before the peer's answer to that.
func (l *Link) retire(why error) {
	l.keeper.takeOut(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended, l.why, l.retiredAt = true, why, l.keeper.client.deps.Now()
	l.request(l.keeper.protocol.AppendGoodbye, l.freeSeq())
}

// PeerLeaves takes the link out of use because the peer ended it; answer is
// what it is told (nothing for nil), after what is queued already.
func (l *Link) PeerLeaves(why error, answer []byte) {
	l.keeper.takeOut(l)
	l.endWith(why)
	if len(answer) > 0 {
		// On a connection that has ended there is nobody to answer.
		_, _ = l.conn.Append(func(dst []byte) ([]byte, error) { return append(dst, answer...), nil })
	}
	l.conn.Finish()
}

// Left closes the link after the peer answered our goodbye.
func (l *Link) Left() { l.conn.Close(errGone) }

// endWith keeps more submissions off the link.
func (l *Link) endWith(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.why == nil {
		l.why = why
	}
}

// abandon settles what the ended connection left: exactly those whose first
// octet the network never took are NotSent. Both loops have ended.
func (l *Link) abandon() {
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
		l.release()
		sl.of.settle(sl.part, "", o)
	}
}

// reason is why the link ended.
func (l *Link) reason() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.why != nil {
		return l.why
	}
	return l.conn.Err()
}
