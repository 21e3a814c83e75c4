package fraud

import (
	"fmt"
	"time"
)

// Outcome is what is done with a request. The zero Outcome lets it go.
type Outcome uint8

// The outcomes, mildest first.
const (
	Allow     Outcome = iota
	Challenge         // only with a solved challenge
	Block             // not at all, until the hold is over
)

// String is the word in logs, metrics and audit rows.
func (o Outcome) String() string {
	switch o {
	case Allow:
		return "allow"
	case Challenge:
		return "challenge"
	case Block:
		return "block"
	}
	return "unknown"
}

// Rule is which of the guard's rules speaks.
type Rule uint8

// The rules.
const (
	Unverified Rule = 1 // too many codes that nobody entered (requirement row 23)
	Conversion Rule = 2 // too small a share of 30 minutes' codes was entered (row 23)
	Failures   Rule = 3 // too many wrong codes beside right ones (row 24)
	Solved     Rule = 4 // too many unverified codes although challenges were solved
)

// String is the rule's word.
func (r Rule) String() string {
	switch r {
	case Unverified:
		return "unverified"
	case Conversion:
		return "conversion"
	case Failures:
		return "failures"
	case Solved:
		return "solved"
	}
	return "unknown"
}

// Decision is the answer for one request.
type Decision struct {
	Outcome Outcome // what to do: Found, but for solved challenges and for those who only record
	Found   Outcome // what the rules say

	n   int
	why [mostKeys]Reason
}

// Reasons are the subjects that asked for Found or less, of all that did not
// say Allow. The slice is the decision's own.
func (d *Decision) Reasons() []Reason { return d.why[:d.n] }

// Reason explains one subject's part of a decision. It holds no number.
type Reason struct {
	Rule      Rule
	Outcome   Outcome
	Subject   Key
	Level     float32 // in the subject's bucket; with Conversion the share that was entered
	Threshold float32 // of a challenge
	Sent      uint32  // in the last 30 minutes, as all that follow
	Verified  uint32
	Failed    uint32
	Refused   uint32
	Until     time.Time // the hold; zero: none
}

// String is the sentence for the audit row.
func (r Reason) String() string {
	text := fmt.Sprintf("%s: %s: %s ", r.Outcome, r.Subject, r.Rule)
	if r.Rule == Conversion {
		text += fmt.Sprintf("%.1f %%, under %.0f %%", 100*r.Level, 100*r.Threshold)
	} else {
		text += fmt.Sprintf("%.1f of %.1f", r.Level, r.Threshold)
	}
	text += fmt.Sprintf("; 30 minutes: %d sent, %d entered, %d wrong, %d refused", r.Sent, r.Verified, r.Failed, r.Refused)
	if !r.Until.IsZero() {
		text += "; held until " + r.Until.UTC().Format(time.RFC3339)
	}
	return text
}

// add notes what a subject says, the strictest first.
func (d *Decision) add(s *state, f finding) {
	if f.outcome == Allow {
		return
	}
	r := Reason{Rule: f.rule, Outcome: f.outcome, Subject: s.key, Threshold: f.threshold}
	all := s.window.all()
	r.Sent, r.Verified, r.Failed, r.Refused = all.sent, all.verified, all.failed, all.refused
	g := &s.unverified
	switch f.rule {
	case Failures:
		g = &s.failing
	case Solved:
		g = &s.solved
	default:
	}
	r.Level = g.level
	if f.rule == Conversion {
		r.Level = float32(all.verified) / float32(max(s.window.mature.sent, 1))
	}
	if g.mode != Allow {
		r.Until = time.UnixMilli(g.until)
	}
	d.why[d.n] = r
	for i := d.n; i > 0 && d.why[i].Outcome > d.why[i-1].Outcome; i-- {
		d.why[i], d.why[i-1] = d.why[i-1], d.why[i]
	}
	d.n++
	d.Found = max(d.Found, f.outcome)
}
