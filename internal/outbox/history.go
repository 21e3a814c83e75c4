package outbox

import (
	"encoding/binary"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// The history of a message is a column of its row (store.Message.History): a
// few bytes a step, written with the change of the row that the step is. It
// costs no row and no commit. A step is
//
//	kind, milliseconds since the message was accepted (uvarint), and as far as
//	the kind has them: provider, code, jsms status (uvarint), parts
//
// with a length (uvarint) before every text and a number of parts before the
// ids that are kept.

// StepKind is what happened to a message.
type StepKind uint8

// The kinds of step. Numbers are on disk: they never change.
const (
	StepSubmitted   StepKind = 1  // the carrier took it
	StepRejected    StepKind = 2  // the carrier refused it
	StepUnknown     StepKind = 3  // bytes were written, no answer came
	StepThrottled   StepKind = 4  // the carrier wanted it later
	StepNotSent     StepKind = 5  // nothing was written, and no provider is left
	StepSkipped     StepKind = 6  // nothing was written, the next provider was tried at once
	StepLost        StepKind = 7  // the server that had it ended: nobody knows whether it was sent
	StepResent      StepKind = 8  // taken up again after an unknown outcome
	StepDelivered   StepKind = 9  // receipt of a part
	StepUndelivered StepKind = 10 // receipt of a part
	StepExpired     StepKind = 11 // its time is over
	StepDead        StepKind = 12 // no route is left
	StepRequeued    StepKind = 13 // an operator had it tried again
	StepRefunded    StepKind = 14 // an operator gave its price back
	StepFailover    StepKind = 15 // goes on to the next provider after its receipt or outcome
	StepPlanned     StepKind = 16 // it is a later step of its app's fall-back plan: Status is which
	StepCounted     StepKind = 17 // its price counts against its app's caps: Code is the day and the country
	stepCut         StepKind = 127
)

var stepNames = map[StepKind]string{StepSubmitted: "submitted", StepRejected: "rejected", StepUnknown: "unknown", StepThrottled: "throttled",
	StepNotSent: "not_sent", StepSkipped: "skipped", StepLost: "lost", StepResent: "resent", StepDelivered: "delivered",
	StepUndelivered: "undelivered", StepExpired: "expired", StepDead: "dead", StepRequeued: "requeued", StepRefunded: "refunded",
	StepFailover: "failover", StepPlanned: "planned", StepCounted: "counted", stepCut: "cut"}

// String names the kind.
func (k StepKind) String() string {
	if name, known := stepNames[k]; known {
		return name
	}
	return "invalid"
}

// Step is one thing that happened to a message.
type Step struct {
	Kind     StepKind
	At       time.Time // to the millisecond
	Provider string
	Code     string   // the carrier's own
	Status   uint16   // jsms status of a receipt
	Parts    []string // the carrier's ids; of a receipt the part it tells of, where there are several
	Count    int      // how many parts there were: more than Parts, when those were too long to keep
}

// What the kinds have.
const (
	hasProvider = 1 << iota
	hasCode
	hasStatus
	hasParts
)

var stepFields = [...]uint8{StepSubmitted: hasProvider | hasParts, StepRejected: hasProvider | hasCode, StepUnknown: hasProvider | hasCode | hasParts,
	StepThrottled: hasProvider | hasCode, StepNotSent: hasProvider, StepSkipped: hasProvider, StepLost: 0, StepResent: 0,
	StepDelivered: hasCode | hasStatus | hasParts, StepUndelivered: hasCode | hasStatus | hasParts, StepExpired: 0, StepDead: 0,
	StepRequeued: 0, StepRefunded: 0, StepFailover: hasProvider, StepPlanned: hasStatus, StepCounted: hasCode}

// Bounds of a history, in bytes. What repeats while carriers are away ends
// early, so that what comes at last still has room.
const (
	mostHistory = 1000
	mostRepeats = 256
	mostParts   = 256 // of one step's ids
	mostCode    = 40
)

// note adds a step to a message's history.
func note(m *store.Message, now store.Time, s Step) {
	size, limit := len(m.History), mostHistory
	if s.Kind == StepThrottled || s.Kind == StepNotSent || s.Kind == StepSkipped {
		limit = mostRepeats
	}
	if size >= limit {
		cut(m)
		return
	}
	parts, bytes := 0, 0
	for parts < len(s.Parts) && bytes+len(s.Parts[parts]) < mostParts {
		bytes += len(s.Parts[parts]) + 2
		parts++
	}
	h := make([]byte, size, size+24+len(s.Provider)+min(len(s.Code), mostCode)+bytes) // rows share what they were copied from
	copy(h, m.History)
	h = append(h, byte(s.Kind))
	h = binary.AppendUvarint(h, uint64(max(0, now.Time().Sub(core.IDTime(int64(m.ID))).Milliseconds())))
	has := stepFields[s.Kind]
	if has&hasProvider != 0 {
		h = appendText(h, s.Provider)
	}
	if has&hasCode != 0 {
		h = appendText(h, s.Code[:min(len(s.Code), mostCode)])
	}
	if has&hasStatus != 0 {
		h = binary.AppendUvarint(h, uint64(s.Status))
	}
	if has&hasParts != 0 {
		h = binary.AppendUvarint(h, uint64(len(s.Parts)))
		h = binary.AppendUvarint(h, uint64(parts))
		for _, part := range s.Parts[:parts] {
			h = appendText(h, part)
		}
	}
	m.History = h
}

// cut marks once that steps are missing from here on.
func cut(m *store.Message) {
	if n := len(m.History); StepKind(m.History[n-1]) != stepCut {
		m.History = append(m.History[:n:n], byte(stepCut))
	}
}

func appendText(h []byte, text string) []byte {
	return append(binary.AppendUvarint(h, uint64(len(text))), text...)
}

// History reads what happened to a message, in order. whole is false when steps
// were left out to keep the row small, or what is there can not be read.
func History(m *store.Message) (steps []Step, whole bool) {
	r := historyReader{rest: m.History, whole: true}
	accepted := core.IDTime(int64(m.ID))
	for len(r.rest) > 0 {
		kind := StepKind(r.rest[0])
		r.rest = r.rest[1:]
		if kind == stepCut {
			r.whole = false
			continue
		}
		if kind == 0 || int(kind) >= len(stepFields) {
			return steps, false
		}
		s := Step{Kind: kind, At: accepted.Add(time.Duration(r.number()) * time.Millisecond)}
		has := stepFields[kind]
		if has&hasProvider != 0 {
			s.Provider = r.text()
		}
		if has&hasCode != 0 {
			s.Code = r.text()
		}
		if has&hasStatus != 0 {
			s.Status = uint16(r.number())
		}
		if has&hasParts != 0 {
			s.Count = int(r.number())
			for range min(r.number(), mostParts) {
				s.Parts = append(s.Parts, r.text())
			}
		}
		if r.broken {
			return steps, false
		}
		steps = append(steps, s)
	}
	return steps, r.whole
}

type historyReader struct {
	rest          []byte
	whole, broken bool
}

func (r *historyReader) number() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.rest, r.broken = nil, true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *historyReader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.rest, r.broken = nil, true
		return ""
	}
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	return text
}
