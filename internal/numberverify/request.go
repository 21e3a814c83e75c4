package numberverify

import (
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/tenant"
)

// LongestToken is how long a proof may be, in bytes (contracts/submail.md §4.3).
const LongestToken = 4096

// Proof is what shows which SIM it is. A proof used on one dialect is used on
// all (contracts/camara.md §5).
type Proof struct {
	Token   core.Secret // as the device got it from the carrier; 1 to LongestToken bytes
	Carrier Carrier     // as the caller says; CarrierUnknown: by record, then by shape

	// Number is set where the network itself told it (an enrichment header of a
	// trusted proxy): no gateway is asked then, and Token is any unguessable
	// name of this one authentication.
	Number core.Phone
}

// VerifyRequest asks whether a proof's SIM has a number.
type VerifyRequest struct {
	App       *tenant.App
	Proof     Proof
	Requester Requester
	Phone     core.Phone // the number claimed; zero where Hash is set
	Hash      [32]byte   // SHA-256 of its E.164 text with the plus (contracts/camara.md §2.1)
	Browser   string     // userInformation; ""

	Call   *idempotency.Call                               // nil without an Idempotency-Key
	Answer func(Verified, error) (status int, body []byte) // what Call notes, of a success and of an *Error; nil body: nothing
}

// Verified is a carrier's answer, paid for and on disk.
type Verified struct {
	ID        core.NumberCheckID
	Identical bool
	Carrier   Carrier
	Code      string // the carrier's
}

// FetchRequest asks for the number of a proof's SIM.
type FetchRequest struct {
	App       *tenant.App
	Proof     Proof
	Requester Requester
	Auth      string // what Telecom wants beside the token; ""

	Call   *idempotency.Call
	Answer func(Fetched, error) (status int, body []byte)
}

// Fetched is a number, paid for and on disk.
type Fetched struct {
	ID      core.NumberCheckID
	Phone   core.Phone
	Carrier Carrier
	Code    string
}

// Seen is what is known about a proof that was not asked with yet.
type Seen struct {
	Reported bool      // our own script saw it being made
	Carrier  Carrier   // by record, else by shape
	Expires  time.Time // of a reported one; zero otherwise: the carrier alone judges
	Can      Can       // what the gateways for its carrier are able to do
}

// Device is how a phone's browser gets a proof from a carrier: one entry of the
// browser script's gateways (contracts/submail.md §9).
type Device struct {
	Carrier  Carrier
	Mode     string // direct, relay or sim
	Method   string
	URL      string
	Encoding string // of a POST: form or json; "" is form
	Params   map[string]string
}
