package numberverify

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/core"
)

// Carrier is one of the three networks of mainland China, with the numbers that
// every dialect uses (contracts/submail.md §3.1 "type").
type Carrier uint8

// The carriers. CarrierUnknown lets the proof's record or its shape decide.
const (
	CarrierUnknown Carrier = 0
	CarrierMobile  Carrier = 1
	CarrierUnicom  Carrier = 2
	CarrierTelecom Carrier = 3
)

var carrierNames = [...]string{"unknown", "mobile", "unicom", "telecom"}

// String names the carrier as the configuration does.
func (c Carrier) String() string {
	if int(c) < len(carrierNames) {
		return carrierNames[c]
	}
	return "invalid"
}

// CarrierNamed is the inverse of Carrier.String for the three carriers.
func CarrierNamed(name string) (Carrier, bool) {
	for c := CarrierMobile; c <= CarrierTelecom; c++ {
		if c.String() == name {
			return c, true
		}
	}
	return CarrierUnknown, false
}

// Short is the carrier's two letters in the browser script: CM, CU, CT.
func (c Carrier) Short() string {
	return [...]string{"", "CM", "CU", "CT"}[min(c, CarrierTelecom)]
}

// Requester is what asked the carrier for the proof.
type Requester uint8

// The requesters (contracts/submail.md §3.1 "os", §8).
const (
	RequesterPage        Requester = 1 // an H5 page
	RequesterMiniProgram Requester = 2
	RequesterIOS         Requester = 3
	RequesterAndroid     Requester = 4
)

// Question is what a gateway is asked.
type Question struct {
	Carrier   Carrier
	Token     core.Secret // the proof, as the device got it
	Requester Requester   // 0 counts as RequesterPage
	Phone     core.Phone  // Match: the number claimed; zero where only its hash is known
	Hash      [32]byte    // Match: SHA-256 of the E.164 text with its plus, where Phone is zero
	Browser   string      // the device's userInformation, opaque; ""
	Auth      string      // what Telecom wants beside the token (contracts/submail.md §8); ""
}

// Can is what a gateway is able to do.
type Can struct {
	Match bool // compares a number
	Hash  bool // compares the SHA-256 of a number
	Fetch bool // tells the number
}

// Outcome is how a carrier answered.
type Outcome uint8

// The outcomes.
const (
	OutcomeNone     Outcome = 0 // none yet, or an error
	OutcomeMatch    Outcome = 1
	OutcomeMismatch Outcome = 2
	OutcomeNumber   Outcome = 3
)

// Answer is a carrier's answer that is no error.
type Answer struct {
	Outcome Outcome
	Phone   core.Phone // of OutcomeNumber
	Code    string     // the carrier's, verbatim: at most 32 characters
	ID      string     // the carrier's id of the exchange; ""
	Counted bool       // the carrier counts it for its bill
	Latency time.Duration
}

// Gateway asks carriers. It is safe for concurrent use. Every error is an
// *Error; one whose Sent is false may be asked elsewhere, because no byte of
// the proof left. A gateway makes one attempt: a proof serves once.
type Gateway interface {
	// Name is the stanza's, unique in an installation.
	Name() string
	// Can says what it is able to do for a carrier's proofs; the zero Can means
	// that it does not serve the carrier.
	Can(c Carrier) Can
	// Match compares: OutcomeMatch or OutcomeMismatch.
	Match(ctx context.Context, q Question) (Answer, error)
	// Fetch asks for the number: OutcomeNumber.
	Fetch(ctx context.Context, q Question) (Answer, error)
	// Close lets go of connections; calls under way end with their contexts.
	Close()
}
