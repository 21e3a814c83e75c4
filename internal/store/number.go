package store

import (
	"bytes"

	"yanma.dev/yanma/internal/core"
)

// ProofKey is the keyed hash of a network proof (contracts/camara.md §5).
type ProofKey [32]byte

// NumberProof is a proof that our own script reported, or that was used, or
// both. It serves one question in the installation.
type NumberProof struct {
	Key     ProofKey
	App     core.AppID // that it was made for, or that used it; 0: any, of the simulator's
	Carrier uint8      // numberverify.Carrier; 0 where only a question told of it
	Expires Time       // the end of its life, of a reported one; 0: the carrier alone judges
	Check   core.NumberCheckID
	Until   Time // the row is kept until then
}

// NumberCheckState is where a question to a carrier stands.
type NumberCheckState uint8

// The states of a number check.
const (
	NumberCheckAsking   NumberCheckState = 0 // paid for, the carrier is being asked
	NumberCheckMatch    NumberCheckState = 1
	NumberCheckMismatch NumberCheckState = 2
	NumberCheckNumber   NumberCheckState = 3 // the carrier told the number
	NumberCheckFailed   NumberCheckState = 4 // no answer, or an error
	NumberCheckWithheld NumberCheckState = 5 // answered, but the charge failed: nobody was told
)

// NumberCheck is one question to a carrier about a number (design "Nouns").
type NumberCheck struct {
	ID         core.NumberCheckID
	Tenant     core.TenantID
	App        core.AppID
	Kind       uint8 // numberverify: 1 compare, 2 tell the number
	Carrier    uint8
	State      NumberCheckState
	Money      Money
	TenantPays bool // the tenant's account paid, not the app's own
	Price      core.Credits
	Index      core.PhoneIndex // of Phone
	Phone      []byte          // sealed; nil where only a hash was asked about, or nothing is known yet
	Hash       []byte          // sealed SHA-256 of the number, where only that is known
	Gateway    string          // who was asked
	Code       string          // the carrier's
	Reference  string          // the carrier's id of the exchange
	Counted    bool            // the carrier counts it for its bill
	Latency    uint32          // milliseconds of the carrier
	Due        Time            // when a crash's reservation is given back; 0 = nobody must look
	Updated    Time
}

// SameQuestion tells whether nothing changed but what an answer changes.
func SameQuestion(was, is *NumberCheck) bool {
	return was.Tenant == is.Tenant && was.App == is.App && was.Kind == is.Kind && was.Carrier == is.Carrier &&
		was.TenantPays == is.TenantPays && was.Price == is.Price && was.Index.A == is.Index.A && was.Index.B == is.Index.B &&
		bytes.Equal(was.Phone, is.Phone) && bytes.Equal(was.Hash, is.Hash)
}
