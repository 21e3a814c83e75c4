package store

import (
	"time"

	"yanma.dev/yanma/internal/core"
)

// Time is an instant as the engines keep it: nanoseconds since 1970 in UTC.
// Zero means "not set".
type Time int64

// At converts a clock reading.
func At(t time.Time) Time { return Time(t.UnixNano()) }

// Time converts back.
func (t Time) Time() time.Time { return time.Unix(0, int64(t)) }

// Add moves the instant.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub is the time from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// VerificationState is where a code stands (design "Nouns").
type VerificationState uint8

// The states of a verification.
const (
	VerificationPending    VerificationState = 0 // may be answered
	VerificationClaimed    VerificationState = 1 // answered rightly, an outside call is under way
	VerificationVerified   VerificationState = 2
	VerificationExpired    VerificationState = 3
	VerificationExhausted  VerificationState = 4 // five wrong tries
	VerificationSuperseded VerificationState = 5 // a newer code took its place
)

// Live tells whether the code can still become verified.
func (s VerificationState) Live() bool {
	return s == VerificationPending || s == VerificationClaimed
}

// Verification is one code sent to one phone for one purpose. The code itself
// is kept only as a keyed hash.
type Verification struct {
	ID         core.VerificationID
	Tenant     core.TenantID
	App        core.AppID
	Purpose    core.Purpose
	Channel    core.Channel
	State      VerificationState
	Wrong      uint8 // wrong tries against this code
	Index      core.PhoneIndex
	Expires    Time
	CodeKey    uint16   // which pepper signed
	CodeSalt   [8]byte  // per row
	CodeMAC    [32]byte // HMAC-SHA-256 over salt, context and code
	Message    core.MessageID
	Claim      int64        // who holds the claim: an id drawn for it; 0 = nobody
	ClaimUntil Time         // when a claim left by a crash lapses
	Held       core.Credits // login price reserved by the claim
	TenantPays bool         // the tenant's account holds it, not the app's own
}

// LiveKey finds the live verifications of one number.
type LiveKey struct {
	App     core.AppID
	Purpose core.Purpose
	Index   core.IndexValue
}

// Failure counts wrong tries against one number (contracts/README.md §5,
// yunbox.md §4.2). The row exists only while there is something to count.
type Failure struct {
	ID          core.FailureID
	Tenant      core.TenantID
	App         core.AppID
	Purpose     core.Purpose
	Index       core.PhoneIndex
	Scope       uint64 // 0 counts strangers; else a device or address that logged in before
	Phone       []byte // sealed, so that the index can be rotated
	Recent      uint16 // since the last success or 15-minute pause; at 5 the live code dies
	Consecutive uint16 // since the last success or day's lock; at 20 a day's lock
	Total       uint16 // since the last success; at 100 disabled until bound anew
	LastWrong   Time
	LockedUntil Time
	Disabled    bool
}

// FailureKey finds the counters of one number.
type FailureKey struct {
	App     core.AppID
	Purpose core.Purpose
	Index   core.IndexValue
}

// User is a tenant's user: one per number.
type User struct {
	ID        core.UserID
	Tenant    core.TenantID
	Index     core.PhoneIndex
	Phone     []byte // sealed
	Test      bool   // made by a test number
	Network   int64  // number of the tunnel network; 0 = none yet
	LastLogin Time
}

// UserKey finds a user by number.
type UserKey struct {
	Tenant core.TenantID
	Index  core.IndexValue
}

// AliasKey finds the imported alias of a user in an app. Users without a row
// have the alias that the keyring computes.
type AliasKey struct {
	App  core.AppID
	User core.UserID
}

// Alias is an imported user id, kept verbatim (contracts/README.md §3.5).
type Alias struct {
	App  core.AppID
	User core.UserID
	Text string
}

// KnownKey names a device or address from which a user logged in to an app.
type KnownKey struct {
	App   core.AppID
	User  core.UserID
	Scope uint64 // keyed hash of the device or address
}

// Known is such a device or address. For 90 days after a login it has failure
// counters of its own, so that strangers can not lock the owner out
// (contracts/README.md §5).
type Known struct {
	Key       KnownKey
	LastLogin Time
}

// AccountID names one account of the double-entry ledger; see billing.
type AccountID int64

// Account is one balance. All balances of an installation sum to zero.
type Account struct {
	ID      AccountID
	Tenant  core.TenantID
	App     core.AppID // 0 for a tenant's or the installation's own account
	Pool    core.Pool
	Balance core.Credits
}

// LedgerKind is why a transfer was made.
type LedgerKind uint8

// The kinds of transfer.
const (
	LedgerTopUp   LedgerKind = 1 // funding → available
	LedgerReserve LedgerKind = 2 // available → held
	LedgerSettle  LedgerKind = 3 // held → revenue
	LedgerRefund  LedgerKind = 4 // held → available, or revenue → available after settlement
)

// Ledger is one transfer with its two sides in one row: the amount leaves
// Debit and enters Credit. Rows are only ever inserted.
type Ledger struct {
	ID     core.LedgerID
	Debit  AccountID
	Credit AccountID
	Amount core.Credits // > 0
	Kind   LedgerKind
	Ref    int64 // the message or verification that it paid for; 0 for a top-up
}

// MessageState is where an outbound message stands (contracts/delivery.md §8).
type MessageState uint8

// The states of a message.
const (
	MessageQueued      MessageState = 0
	MessageLeased      MessageState = 1
	MessageUnknown     MessageState = 2
	MessageSubmitted   MessageState = 3
	MessageDelivered   MessageState = 4
	MessageUndelivered MessageState = 5
	MessageRejected    MessageState = 6
	MessageExpired     MessageState = 7
	MessageDead        MessageState = 8
)

var messageStates = [...]string{"queued", "leased", "unknown", "submitted", "delivered", "undelivered", "rejected", "expired", "dead"}

// String names the state.
func (s MessageState) String() string {
	if int(s) < len(messageStates) {
		return messageStates[s]
	}
	return "invalid"
}

// Money is what became of a message's or claim's reservation.
type Money uint8

// The states of a reservation; MoneyNone costs nothing.
const (
	MoneyNone     Money = 0
	MoneyReserved Money = 1
	MoneySettled  Money = 2
	MoneyRefunded Money = 3
)

// Message is one outbound SMS or call.
type Message struct {
	ID           core.MessageID
	Tenant       core.TenantID
	App          core.AppID
	Verification core.VerificationID // 0 when it carries no code
	Channel      core.Channel
	State        MessageState
	Money        Money
	Pool         core.Pool
	TenantPays   bool // the tenant's account paid, not the app's own
	Price        core.Credits
	Segments     uint8
	Parts        uint8  // parts the carrier accepted
	PartsDone    uint8  // parts with a delivered receipt
	Resends      uint8  // submissions after an unknown outcome: at most 1
	Attempts     uint8  // submissions in all
	Node         uint8  // who holds the lease
	Phone        []byte // sealed
	Body         []byte // sealed text; nil once erased
	Template     string // our template's name, "" for a text made here
	Provider     string // who carried it last
	Code         string // the carrier's last code
	History      []byte // what happened to it, as package outbox writes it; at most about 1,300 bytes
	Report       bool   // its app is told what becomes of it: an Event with each end
	Status       uint16 // jsms status of the receipt, 0 before one
	ValidUntil   Time   // its code dies here: no resend after
	Due          Time   // when somebody must look at it again; 0 = nobody must
	Updated      Time   // its last change of state
}

// ReceiptRef finds a message by the id that a carrier gave one of its parts.
type ReceiptRef struct {
	Key     ReceiptKey
	Message core.MessageID
	Attempt uint8 // which of the message's submissions the part belongs to
	Failed  bool  // an undelivered receipt came; a delivered one may still follow
}

// ReceiptKey is a provider's name and the carrier's id of one part.
type ReceiptKey struct {
	Provider string
	PartID   string
}

// CallKey is the keyed hash of an Idempotency-Key and whose it is.
type CallKey [32]byte

// Call is a call that must not take effect twice (contracts/README.md §3.4);
// see package idempotency.
type Call struct {
	Key     CallKey
	Body    [32]byte // keyed hash of what was called, and with what
	Ref     int64    // id of what the call makes, drawn before it ran
	Status  uint16   // HTTP status of the answer; below 100 there is none yet
	Answer  []byte   // its body, sealed
	Expires Time
}

// Orphan is a receipt that came before its message's submit response, kept
// for 60 seconds (contracts/delivery.md §2.4).
type Orphan struct {
	Key    ReceiptKey
	State  uint8 // provider.State
	Code   string
	Status uint16
	At     Time
}

// EventKind is what an app is told.
type EventKind uint8

// The kinds of event.
const (
	EventReceipt   EventKind = 1 // a message of the app ended, or was reported on anew
	EventReply     EventKind = 2 // a subscriber sent a text
	EventTemplate  EventKind = 3 // an operator judged a template
	EventSignature EventKind = 4 // an operator judged a signature
)

var eventKinds = [...]string{"", "receipt", "reply", "template", "signature"}

// String names the kind.
func (k EventKind) String() string {
	if k != 0 && int(k) < len(eventKinds) {
		return eventKinds[k]
	}
	return "invalid"
}

// Event is something that an app is told: by a call to its URL, or when it asks
// (package callback). Batches insert events with what they tell of; whatever
// becomes of them later is plain transactions (records).
type Event struct {
	ID     core.EventID
	App    core.AppID
	Kind   EventKind
	Ref    int64  // the message, reply, template or signature
	Status uint16 // jsms status of a receipt (4001…4100); 1 passed, 2 refused for a verdict
	At     Time   // when it happened
	Note   string // why a verdict was no
}
