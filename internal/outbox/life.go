package outbox

import (
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

const (
	// receiptWait is how long a receipt is waited for (contracts/delivery.md §8).
	receiptWait = 72 * time.Hour
	// orphanLife is how long a receipt waits for its message's submit response
	// (contracts/delivery.md §2.4).
	orphanLife = 60 * time.Second
	// throttlePause is waited when a carrier throttles without saying how long
	// (contracts/delivery.md §2.4: the link pauses 1 s).
	throttlePause = time.Second
	// shortestPause and longestPause bound retryPause.
	shortestPause = time.Second
	longestPause  = 10 * time.Second
)

// retryPause is how long a message that no provider could take waits before it
// is tried again. It grows with the message's age, so that a carrier that is
// away for long is not beaten by everything that waits for it.
func retryPause(m *store.Message, now store.Time) time.Duration {
	age := now.Time().Sub(core.IDTime(int64(m.ID)))
	return min(max(age/2, shortestPause), longestPause)
}

// codeLives tells whether the message may still be sent: its code is alive.
func codeLives(m *store.Message, now store.Time) bool { return now < m.ValidUntil }

// copyOut tells whether a carrier may have a copy that nobody answered for.
func copyOut(m *store.Message) bool { return m.State == store.MessageUnknown || m.Resends > 0 }

// maybeTaken tells whether a carrier may have a copy: one that nobody answered
// for, or one that was reported as not delivered and may arrive after all.
func maybeTaken(m *store.Message) bool { return copyOut(m) || len(abandonedBy(m)) > 0 }

// lease gives the message to a node. It must be queued.
func lease(m *store.Message, node uint8, until, now store.Time) {
	move(m, store.MessageLeased, now)
	m.Node, m.Due = node, until
}

// requeue puts a leased message back, to be looked at after a pause or when its
// code dies.
func requeue(m *store.Message, pause time.Duration, now store.Time) {
	move(m, store.MessageQueued, now)
	m.Due = min(now.Add(pause), max(m.ValidUntil, now+1))
}

// hold makes the outcome unknown. The one resend comes after the hold, unless
// it was spent or would come too late.
func hold(m *store.Message, pause time.Duration, now store.Time) {
	move(m, store.MessageUnknown, now)
	if until := now.Add(pause); mayResend(m) && until < m.ValidUntil {
		m.Due = until
		return
	}
	awaitReceipt(m, now)
}

// awaitReceipt says when somebody must look at a message that only a receipt
// can change: when its code dies its text is erased, 72 hours after its last
// change of state it expires.
func awaitReceipt(m *store.Message, now store.Time) {
	switch {
	case len(m.Body) > 0 && codeLives(m, now):
		m.Due = m.ValidUntil
	case m.State == store.MessageUndelivered:
		m.Body, m.Due = nil, 0
	default:
		m.Body, m.Due = nil, max(m.Updated.Add(receiptWait), m.ValidUntil)
	}
}

// receiptOverdue tells whether a receipt has been waited for long enough.
func receiptOverdue(m *store.Message, now store.Time) bool {
	return !codeLives(m, now) && now >= m.Updated.Add(receiptWait)
}

// submit records that a carrier took the message; it is paid for now. The end
// of its lease stays as the time of the next look: most receipts come before
// it, and a time that does not change costs no index entry.
func submit(b *store.Batch, ids *core.IDs, m *store.Message) {
	if m.State == store.MessageQueued {
		move(m, store.MessageLeased, b.Now) // the table knows no shorter way
	}
	look := m.Due
	move(m, store.MessageSubmitted, b.Now)
	settle(b, ids, m)
	awaitReceipt(m, b.Now)
	if b.Now < look && look < m.Due && len(m.Body) > 0 {
		m.Due = look
	}
}

// expire ends a message that was not submitted in time, or of which nothing
// was heard; held money goes back.
func expire(b *store.Batch, ids *core.IDs, m *store.Message) {
	move(m, store.MessageExpired, b.Now)
	note(m, b.Now, Step{Kind: StepExpired})
	finish(b, ids, m)
}

// bury ends a message that was refused and has no route left. Its text stays
// while its code lives: an operator may have it tried again.
func bury(b *store.Batch, ids *core.IDs, m *store.Message) {
	text := m.Body
	move(m, store.MessageDead, b.Now)
	note(m, b.Now, Step{Kind: StepDead})
	finish(b, ids, m)
	if codeLives(m, b.Now) && len(text) > 0 {
		m.Body, m.Due = text, m.ValidUntil
	}
}

// finish gives held money back, tells the app and erases the text.
func finish(b *store.Batch, ids *core.IDs, m *store.Message) {
	refund(b, ids, m)
	tell(b, ids, m)
	m.Body, m.Due = nil, 0
}
