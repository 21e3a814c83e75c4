package keyring

import "yanma.dev/yanma/internal/core"

// What the index keys are used for: the first byte of each message, so that no
// label can have the index of a number.
const (
	indexOfPhone = 1
	indexOfLabel = 2
)

// indexKeys is the two sides of the blind index; a side without key is nil.
type indexKeys struct {
	a, b *macKey
	byB  bool
}

func newIndexKeys(entry indexEntry) indexKeys {
	keys := indexKeys{byB: entry.ByB}
	if entry.A != nil {
		keys.a = newMACKey(*entry.A)
	}
	if entry.B != nil {
		keys.b = newMACKey(*entry.B)
	}
	return keys
}

// Index is what a number's rows are found by: 128 bits of HMAC-SHA-256 on each
// side that has a key. Numbers are few enough to try them all, so the index
// hides them only as long as the key is secret (requirement row 12).
func (r *Ring) Index(p core.Phone) core.PhoneIndex {
	return r.current.Load().index.of(indexOfPhone, p.E164())
}

// IndexLabel is Index for what stands where a number would and is none, such
// as the user of an app's test number. A label never has a number's index.
func (r *Ring) IndexLabel(label string) core.PhoneIndex {
	return r.current.Load().index.of(indexOfLabel, label)
}

func (k indexKeys) of(domain byte, message string) core.PhoneIndex {
	index := core.PhoneIndex{ByB: k.byB}
	if k.a != nil {
		index.A = indexValue(k.a.of(domain, message))
	}
	if k.b != nil {
		index.B = indexValue(k.b.of(domain, message))
	}
	return index
}

func indexValue(sum [32]byte) core.IndexValue { return core.IndexValue(sum[:16]) }

// IndexPhase is how far a rotation of the blind index has come.
type IndexPhase uint8

// The phases. The rotation's own order of work is:
//
//  1. BeginIndexRotation: Index gives both sides, rows are found by the old one.
//  2. Wait until requests that began before are done; fill the new side of
//     every row; repeat until none lacks it.
//  3. SwapIndex: rows are found by the new side, both are still written.
//  4. FinishIndexRotation: the old key is gone. Clear the old side of rows.
const (
	IndexSteady  IndexPhase = 1 // one side
	IndexDual    IndexPhase = 2 // both sides, look-up on the old one
	IndexSwapped IndexPhase = 3 // both sides, look-up on the new one
)

// The phases in the file.
const (
	phaseSteady  = "steady"
	phaseDual    = "dual"
	phaseSwapped = "swapped"
)

// String names the phase as the file does.
func (p IndexPhase) String() string {
	switch p {
	case IndexSteady:
		return phaseSteady
	case IndexDual:
		return phaseDual
	case IndexSwapped:
		return phaseSwapped
	}
	return "unknown"
}

// IndexState is where the rotation of the blind index stands.
type IndexState struct {
	Phase IndexPhase
	ByB   bool // rows are found by side B; as core.PhoneIndex.ByB
}

// IndexState says where the rotation of the blind index stands.
func (r *Ring) IndexState() IndexState {
	entry := r.current.Load().contents.Index
	state := IndexState{Phase: IndexSteady, ByB: entry.ByB}
	switch entry.Phase {
	case phaseDual:
		state.Phase = IndexDual
	case phaseSwapped:
		state.Phase = IndexSwapped
	}
	return state
}
