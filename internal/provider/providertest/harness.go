package providertest

import (
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
)

// Behaviour is what the scripted carrier does with a submission.
type Behaviour uint8

// The behaviours.
const (
	Accept   Behaviour = 1 // and answers at once
	Reject   Behaviour = 2 // for good
	Throttle Behaviour = 3
	Drop     Behaviour = 4 // takes the message and cuts the connection in place of the answer
	Silent   Behaviour = 5 // takes the message and never answers
	Hold     Behaviour = 6 // takes the message and answers after HoldFor
)

// HoldFor is how long Hold keeps an answer back.
const HoldFor = 100 * time.Millisecond

// ResponseTimeout is the provider's where the carrier stays silent: short, and
// longer than HoldFor.
const ResponseTimeout = 500 * time.Millisecond

// Carrier is the scripted other end. All of it is safe for concurrent use.
type Carrier interface {
	// Script sets what happens to every submission from now on.
	Script(func(to core.Phone) Behaviour)
	// Drop cuts every connection; the provider may connect again.
	Drop()
	// SetUp with false makes the carrier refuse connections; with true it takes them again.
	SetUp(up bool)
	// Report sends a receipt "delivered" about the part with the id that the provider was told.
	Report(partID string)
	// Reported is how often the provider told the carrier that receipts about
	// the part are stored, and how often that they are not.
	Reported(partID string) (stored, refused int)
	// SendText sends a subscriber's text to the provider, and tells whether it was stored.
	SendText(from core.Phone, text string) error
	// Taken is how many submissions the carrier took for the number.
	Taken(to core.Phone) int
	// Peak is the highest number of submissions that were without an answer at any time.
	Peak() int
}

func (h Harness) links() int { return max(h.Links, 1) }

// Options are what a test asks of the provider.
type Options struct {
	Window int  // submissions without an answer, on each connection
	Silent bool // the carrier will leave some of them without one
}

// ResponseTimeout is what the harness sets as the provider's: short where an
// answer stays out, and elsewhere out of reach of a machine that has other
// things to do.
func (o Options) ResponseTimeout() time.Duration {
	if o.Silent {
		return ResponseTimeout
	}
	return Patience
}

// Rig is a provider that is not started, and its carrier, which is up.
type Rig struct {
	Provider provider.Provider
	Carrier  Carrier
}

// Harness makes rigs. Whatever a rig starts ends with t.Cleanup, after the
// suite has stopped the provider. The provider reconnects within ResponseTimeout.
type Harness struct {
	// Beside says that other suites run at the same time, whose goroutines are
	// no leak of this one; the package's TestMain has to look for leaks then.
	Beside bool
	// Load is how many submissions each of 200 callers makes where the suite
	// puts load on the provider; 0 means 20.
	Load int
	// Links is how many connections the provider submits over, each with a
	// window of Options.Window; 0 means 1.
	Links int
	// Message is what is submitted; nil is a code by SMS.
	Message func() *provider.Message
	// Lacks names the tests of what the protocol has not got: receipts that the
	// carrier sends again, subscribers' texts. They are not run.
	Lacks []string
	New   func(t *testing.T, sink provider.Sink, opt Options) Rig
}

// sink records what a provider delivers and acknowledges it as told.
type sink struct {
	mu       sync.Mutex
	ack      func(provider.Receipt, func(error))
	receipts []provider.Receipt
	inbound  []provider.Inbound
}

// Receipt records and acknowledges, by default with nil.
func (s *sink) Receipt(_ string, r provider.Receipt, ack func(error)) {
	s.mu.Lock()
	s.receipts = append(s.receipts, r)
	how := s.ack
	s.mu.Unlock()
	if how == nil {
		ack(nil)
		return
	}
	how(r, ack)
}

// Inbound records and acknowledges with nil.
func (s *sink) Inbound(_ string, in provider.Inbound, ack func(error)) {
	s.mu.Lock()
	s.inbound = append(s.inbound, in)
	s.mu.Unlock()
	ack(nil)
}

func (s *sink) onReceipt(f func(provider.Receipt, func(error))) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ack = f
}

func (s *sink) seen() []provider.Receipt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]provider.Receipt(nil), s.receipts...)
}

// Patience is how long the suite waits for what must happen.
const Patience = 15 * time.Second

// Eventually polls until ok.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", Patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}
