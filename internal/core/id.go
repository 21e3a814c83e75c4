package core

import (
	"sync"
	"time"
)

// Ids of rows. All are positive; zero means none. They sort in time order.
type (
	// TenantID names a tenant, installation-wide, from 1.
	TenantID uint32
	// AppID names an app, installation-wide, from 1.
	AppID uint32
	// UserID names a user: tenant plus phone number.
	UserID int64
	// VerificationID names one code sent to one phone.
	VerificationID int64
	// MessageID names one outbound SMS or call.
	MessageID int64
	// LedgerID names one transfer between two accounts.
	LedgerID int64
	// EventID names something that an app is told.
	EventID int64
	// ReplyID names a text that a subscriber sent.
	ReplyID int64
	// DeviceID names a user's device.
	DeviceID int64
	// FailureID names the wrong-try counters of one app, number and purpose.
	FailureID int64
	// NumberCheckID names one question to a carrier about a number.
	NumberCheckID int64
	// LoginID names a login, or something else that happened to a session.
	LoginID int64
)

// idEpoch is 2024-01-01T00:00:00Z in Unix milliseconds: ids count from there.
const idEpoch = 1_704_067_200_000

const (
	idNodeBits = 8
	idSeqBits  = 13
)

// IDs makes 63-bit ids in time order: 42 bits of milliseconds since 2024, 8
// bits of node, 13 bits of sequence. Two nodes never make the same id, and one
// node never makes the same id twice as long as Seed is told the highest id on
// disk (a clock set back between two runs must not repeat ids).
type IDs struct {
	mu    sync.Mutex
	now   func() time.Time
	node  int64
	last  int64 // milliseconds and sequence of the last id, without the node
	short int64 // … of the last id that has a number
}

// NewIDs returns a source for a node, 0 to 255.
func NewIDs(now func() time.Time, node uint8) *IDs {
	return &IDs{now: now, node: int64(node)}
}

// Seed makes all later ids greater than highest.
func (g *IDs) Seed(highest int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	stamp := highest>>(idNodeBits+idSeqBits)<<idSeqBits | highest&(1<<idSeqBits-1)
	// One whole millisecond further: the node bits lie between the two parts.
	next := (stamp>>idSeqBits + 1) << idSeqBits
	g.last, g.short = max(g.last, next), max(g.short, next)
}

// Next returns the next id. When one millisecond's 8,192 ids are used up, or
// the clock stands still or goes back, it borrows from the milliseconds to come.
func (g *IDs) Next() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	stamp := (g.now().UnixMilli() - idEpoch) << idSeqBits
	if stamp <= g.last {
		stamp = g.last + 1
	}
	if stamp&(1<<idSeqBits-1) >= firstShort {
		stamp = (stamp>>idSeqBits + 1) << idSeqBits // the rest of this millisecond is for NextShort
	}
	g.last = stamp
	return stamp>>idSeqBits<<(idNodeBits+idSeqBits) | g.node<<idSeqBits | stamp&(1<<idSeqBits-1)
}

// IDTime is the instant, to the millisecond, in which an id was made.
func IDTime(id int64) time.Time {
	return time.UnixMilli(id>>(idNodeBits+idSeqBits) + idEpoch)
}

// IDAt is the smallest id that can be made at t: rows older than t have
// smaller ids.
func IDAt(t time.Time) int64 {
	ms := t.UnixMilli() - idEpoch
	if ms < 0 {
		return 0
	}
	return ms << (idNodeBits + idSeqBits)
}

// IDNode is the node that made an id.
func IDNode(id int64) uint8 { return uint8(id >> idSeqBits) }
