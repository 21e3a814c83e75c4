package provider

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/core"
)

// Class is how one submission ended (contracts/delivery.md §1).
type Class uint8

// The classes of outcome.
const (
	Accepted  Class = 1 // the carrier took it; PartIDs are its ids
	Rejected  Class = 2 // refused for good; another provider may still take it
	Throttled Class = 3 // not taken; may be tried again after RetryAfter
	Unknown   Class = 4 // bytes were written, no answer came
	NotSent   Class = 5 // nothing was written: no connection, or the provider is stopping
)

// String names the class for logs and metrics.
func (c Class) String() string {
	switch c {
	case Accepted:
		return "accepted"
	case Rejected:
		return "rejected"
	case Throttled:
		return "throttled"
	case Unknown:
		return "unknown"
	case NotSent:
		return "not_sent"
	}
	return "invalid"
}

// Outcome is the end of one submission. A message of several parts has one
// outcome: Accepted when every part was, Unknown when any part is, otherwise
// the class of the first part that was refused.
type Outcome struct {
	Class      Class
	PartIDs    []string      // the carrier's id of each part, in order, when Accepted; what is known of them when Unknown
	Code       string        // the carrier's own code, such as "0x0000000B", for operators
	Detail     string        // plain text for operators; scrubbed of numbers and secrets
	RetryAfter time.Duration // for Throttled
}

// Message is what a provider carries.
type Message struct {
	ID       core.MessageID
	Channel  core.Channel
	From     string     // sender: alphanumeric, short code or E.164; empty means the provider's own
	To       core.Phone // one recipient
	Text     string     // the rendered text, signature first
	Validity time.Duration
	Template string            // our template's name, for carriers that take no free text
	Params   map[string]string // its parameters
	Code     bool              // it carries a one-time code
}

// State is what a receipt says.
type State uint8

// The states of a receipt (contracts/delivery.md §8).
const (
	StateSubmitted   State = 1 // intermediate: accepted, en route
	StateDelivered   State = 2
	StateUndelivered State = 3
)

// String names the state.
func (s State) String() string {
	switch s {
	case StateSubmitted:
		return "submitted"
	case StateDelivered:
		return "delivered"
	case StateUndelivered:
		return "undelivered"
	}
	return "invalid"
}

// Receipt is a carrier's report on one part of a message.
type Receipt struct {
	PartID string    // the carrier's id, as submit answered it (after the link's own conversion)
	AltIDs []string  // other spellings of the same id, tried in order when PartID is unknown (hexadecimal against decimal)
	State  State     // what it means
	Code   string    // the carrier's code, as received: DELIVRD, MK:0001, …
	JSMS   int       // the jsms status of contracts/delivery.md §8: 4001…4100; 0 while intermediate
	DoneAt time.Time // when it happened according to the carrier; zero when it did not say
}

// Inbound is a text that a subscriber sent.
type Inbound struct {
	ID   string // the carrier's id of it, by which one that comes again is known; "" when it gives none
	From core.Phone
	To   string // the number or short code it was sent to
	Text string
}

// Sink takes what a provider receives. Both calls return at once; ack is
// called exactly once, later, from any goroutine: nil means that it is on disk
// and the carrier may be told so, an error that the carrier must send it again.
type Sink interface {
	Receipt(provider string, r Receipt, ack func(error))
	Inbound(provider string, in Inbound, ack func(error))
}

// Health is what an operator sees of a provider.
type Health struct {
	Up     bool
	Detail string // "bound", "connecting: connection refused", "stopped: invalid password"; no secrets
	Window int    // submissions without an answer
	// Links are the connections of a provider that keeps several; nil otherwise.
	// Up and Window above speak of all of them together.
	Links []LinkHealth
}

// LinkHealth is what an operator sees of one of a provider's connections.
type LinkHealth struct {
	Name   string // tells it from the others: "tx 1"
	Up     bool
	Detail string // as in Health
	Window int
}

// Provider carries messages. Implementations pass providertest.Run.
type Provider interface {
	// Name is the configured name, unique in an installation.
	Name() string

	// Start connects in the background and keeps the connection up until Stop.
	// It returns an error only for a configuration that can never work.
	Start(ctx context.Context) error

	// Submit hands one message over. It waits while the window is full, and
	// returns once the message is queued or can not be. done is called exactly
	// once for every Submit, from any goroutine, and must return quickly: with
	// NotSent when ctx or the message's validity ends, or the connection is down,
	// before the first byte was written; with Unknown when bytes were written and
	// no answer came in time.
	Submit(ctx context.Context, m *Message, done func(Outcome))

	// Health tells the connection's state.
	Health() Health

	// Stop ends it: submissions in flight get their answers or Unknown within
	// ctx, then the connection is closed in the protocol's own way. Stopping
	// twice is fine.
	Stop(ctx context.Context) error
}
