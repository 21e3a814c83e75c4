package api

import (
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// NewTenant is the body of POST /admin/tenants.
type NewTenant struct {
	Name string `json:"name"`
}

// Tenants is the answer of GET /admin/tenants.
type Tenants struct {
	Tenants []tenant.TenantView `json:"tenants"`
}

// Apps is the answer of GET /admin/apps.
type Apps struct {
	Apps []tenant.AppView `json:"apps"`
}

// AppWithKey is the only answer that holds a key: of POST /admin/apps and of a
// rotation.
type AppWithKey struct {
	App tenant.AppView `json:"app"`
	Key string         `json:"key,omitempty"` // none for an app without yunbox
}

// Rotation is the body of POST /admin/apps/{app}/rotate-key.
type Rotation struct {
	OldValidUntil *time.Time `json:"old_valid_until,omitempty"` // absent: the old keys end at once
}

// NewCredit is the body of a top-up.
type NewCredit struct {
	Amount core.Credits `json:"amount"`         // not 0; negative takes unspent credits back
	Pool   string       `json:"pool,omitempty"` // general, voice, industry, market; default general
}

// CreditAdded is the answer of a top-up.
type CreditAdded struct {
	Pool      string       `json:"pool"`
	Amount    core.Credits `json:"amount"`
	Available core.Credits `json:"available"` // after it
	Entry     string       `json:"entry"`     // id of the ledger entry, in decimal
}

// Credit is what an app or tenant has.
type Credit struct {
	Pools []PoolCredit `json:"pools"`
}

// PoolCredit is the state of one pool. Funded = available + held + spent.
type PoolCredit struct {
	Pool      string       `json:"pool"`
	Available core.Credits `json:"available"` // can be spent
	Held      core.Credits `json:"held"`      // reserved for what is under way
	Spent     core.Credits `json:"spent"`
	Funded    core.Credits `json:"funded"` // top-ups less what was taken back
}

// Ledger is the installation's balances by kind. They sum to zero.
type Ledger struct {
	Available core.Credits `json:"available"`
	Held      core.Credits `json:"held"`
	Spent     core.Credits `json:"spent"`
	Funded    core.Credits `json:"funded"`
	Sum       core.Credits `json:"sum"` // available + held + spent − funded
	Balanced  bool         `json:"balanced"`
}

// Number is the body of what is asked or told of a number in an app.
type Number struct {
	Phone string `json:"phone"`
}

// NumberState is the wrong tries that are counted for a number in an app.
type NumberState struct {
	Phone    string     `json:"phone"`    // masked
	Locked   bool       `json:"locked"`   // for any purpose, from anywhere
	Counters []Counters `json:"counters"` // none: no wrong try since the last success
}

// NumberUnlocked is the answer to an unlock.
type NumberUnlocked struct {
	Phone   string     `json:"phone"`   // masked
	Cleared []Counters `json:"cleared"` // as they were; none: there was nothing to clear
}

// Counters are the wrong tries for one purpose (contracts/README.md §5).
type Counters struct {
	Purpose     string     `json:"purpose"`     // login, verify, rebind
	Scope       string     `json:"scope"`       // anyone; known: a device or address that logged in before
	Recent      int        `json:"recent"`      // at 5 the code dies, until 15 minutes pass without a wrong try
	Consecutive int        `json:"consecutive"` // at 20 a day's lock
	Total       int        `json:"total"`       // since the last success; at 100 disabled
	LastWrong   time.Time  `json:"last_wrong"`
	LockedUntil *time.Time `json:"locked_until,omitempty"` // absent: not locked, or disabled
	Disabled    bool       `json:"disabled"`               // until unlocked
}

// Retirement is the body of POST /admin/keyring/{kind}/retire.
type Retirement struct {
	Keep int `json:"keep"` // how many of the newest keys stay, from 1
}

// Providers is the answer of GET /admin/providers.
type Providers struct {
	Providers []Provider `json:"providers"`
}

// Provider is the health of the connections to one carrier.
type Provider struct {
	Name   string `json:"name"`
	Up     bool   `json:"up"`
	Detail string `json:"detail"`
	Window int    `json:"window"`          // submissions without an answer
	Links  []Link `json:"links,omitempty"` // of a provider that keeps several connections; the fields above speak of all
}

// Link is the health of one of a provider's connections.
type Link struct {
	Name   string `json:"name"` // such as "tx 1"
	Up     bool   `json:"up"`
	Detail string `json:"detail"`
	Window int    `json:"window"`
}

// TestMessage is the body of POST /admin/providers/{provider}/test.
type TestMessage struct {
	Phone string `json:"phone"`
	Text  string `json:"text,omitempty"` // default: a sentence that says what it is
}

// TestOutcome is how a test message ended.
type TestOutcome struct {
	Provider string   `json:"provider"`
	Phone    string   `json:"phone"`   // masked
	Outcome  string   `json:"outcome"` // accepted, rejected, throttled, unknown, not_sent
	Code     string   `json:"code"`    // the carrier's
	Detail   string   `json:"detail"`
	PartIDs  []string `json:"part_ids"`
}

// ImportProblems is the answer to an import that changed nothing, or broke off.
type ImportProblems struct {
	Error  Problem             `json:"error"`
	Report tenant.ImportReport `json:"report"`
}

// Error is the answer to what failed.
type Error struct {
	Error Problem `json:"error"`
}

// Problem says what failed.
type Problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Audit is a page of GET /admin/audit.
type Audit struct {
	Entries []tenant.AuditView `json:"entries"`
	Before  int64              `json:"before,omitempty"` // ask with it for the next page; absent on the last one
}

// Status is the answer of GET /admin/status.
type Status struct {
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Revision int64     `json:"revision"` // of the configuration
	Apps     int       `json:"apps"`
	Store    Store     `json:"store"`
	Outbox   Outbox    `json:"outbox"`
}

// Store counts what the store did since the start.
type Store struct {
	Batches  int64 `json:"batches"`
	Commands int64 `json:"commands"`
	Refused  int64 `json:"refused"`
	Failed   int64 `json:"failed"`
	Shed     int64 `json:"shed"`
	Waiting  int64 `json:"waiting"`
}

// Outbox counts what the outbox did since the start.
type Outbox struct {
	Submitted   int64 `json:"submitted"`
	Rejected    int64 `json:"rejected"`
	Throttled   int64 `json:"throttled"`
	Unknown     int64 `json:"unknown"`
	NotSent     int64 `json:"not_sent"`
	Delivered   int64 `json:"delivered"`
	Undelivered int64 `json:"undelivered"`
	Resent      int64 `json:"resent"`
	Expired     int64 `json:"expired"`
	Dead        int64 `json:"dead"`
	Orphaned    int64 `json:"orphaned"`
	Overflow    int64 `json:"overflow"`
	Queue       int64 `json:"queue"`
	InFlight    int64 `json:"in_flight"`
}
