package smsc

import (
	"strings"
	"time"

	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

// Part is one submit_sm as it was parsed.
type Part struct {
	SystemID     string
	From, To     string // as in the PDU: no plus
	Text         string // of this part
	Segment      text.Part
	DataCoding   byte
	Validity     string // as in the PDU
	WantsReceipt bool
	At           time.Time
}

// Message is a whole accepted message, its parts put together.
type Message struct {
	SystemID string
	From, To string
	Text     string
	Parts    int
	ID       string // of the last part, as it was answered
	At       time.Time
}

// Behaviour is what happens to one part. The zero Behaviour accepts it, now,
// without a receipt.
type Behaviour struct {
	Status  pdu.Status    // of the answer; OK takes the part
	Delay   time.Duration // before the answer
	Silent  bool          // no answer at all
	Drop    bool          // the connection is cut in place of the answer; with Status OK the part is taken all the same
	IDs     IDForm
	Reports []Report // receipts, where the part asked for one and was taken
}

// Report is one receipt of a part.
type Report struct {
	Code         string        // DELIVRD, UNDELIV, MK:0001, …
	After        time.Duration // after the part came
	BeforeAnswer bool          // sent before the answer, and so at once
	UnknownID    bool          // about an id that was never answered
	TextOnly     bool          // without the optional parameters
}

// IDForm says how ids are spelled.
type IDForm uint8

// The forms.
const (
	IDDecimal      IDForm = 0 // decimal in both places
	IDHexInReceipt IDForm = 1
	IDHexInAnswer  IDForm = 2
)

// Delivered is the ordinary behaviour: accepted, and a receipt after d.
func Delivered(d time.Duration) Behaviour {
	return Behaviour{Reports: []Report{{Code: "DELIVRD", After: d}}}
}

// Rule is the behaviour of the numbers that end in Suffix.
type Rule struct {
	Suffix    string
	Note      string // for the person who looks at the handset page
	Behaviour Behaviour
}

// BySuffix decides by the destination's last digits; the first rule that
// matches counts.
func BySuffix(rules []Rule, otherwise Behaviour) func(*Part) Behaviour {
	return func(p *Part) Behaviour {
		for i := range rules {
			if strings.HasSuffix(p.To, rules[i].Suffix) {
				return rules[i].Behaviour
			}
		}
		return otherwise
	}
}

// DevRules are the misbehaviours that `yanma dev` offers.
func DevRules() []Rule {
	report := func(code string, after time.Duration) []Report { return []Report{{Code: code, After: after}} }
	return []Rule{
		{"99901", "the receipt comes after 10 seconds", Behaviour{Reports: report("DELIVRD", 10*time.Second)}},
		{"99902", "accepted, then not delivered", Behaviour{Reports: report("UNDELIV", time.Second)}},
		{"99903", "rejected: invalid destination", Behaviour{Status: pdu.InvDstAddr}},
		{"99904", "throttled, every time", Behaviour{Status: pdu.Throttled}},
		{"99905", "taken, and the connection is lost before the answer", Behaviour{Drop: true, Reports: report("DELIVRD", time.Second)}},
		{"99906", "lost together with the connection", Behaviour{Drop: true, Status: pdu.SysErr}},
		{"99907", "accepted, no receipt ever", Behaviour{}},
		{"99908", "the answer comes after 3 seconds", Behaviour{Delay: 3 * time.Second, Reports: report("DELIVRD", 4*time.Second)}},
		{"99909", "no such number, says the receipt", Behaviour{Reports: report("MK:0001", time.Second)}},
		{"99910", "the receipt comes twice", Behaviour{Reports: append(report("DELIVRD", time.Second), report("DELIVRD", 2*time.Second)...)}},
	}
}
