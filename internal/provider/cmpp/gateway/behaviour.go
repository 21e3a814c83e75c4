package gateway

import (
	"time"

	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
)

// Part is one SUBMIT as it was parsed.
type Part struct {
	SPID        string
	Version     pdu.Version
	ServiceID   string
	From, To    string // Src_Id and Dest_terminal_Id, as in the packet
	Text        string // of this part
	Segment     text.Part
	Format      byte   // Msg_Fmt
	Validity    string // ValId_Time
	WantsReport bool
	At          time.Time
}

// Message is a whole accepted message, its parts put together.
type Message struct {
	SPID     string
	From, To string
	Text     string
	Parts    int
	ID       pdu.MsgID // of the last part, as it was answered
	At       time.Time
}

// Behaviour is what happens to one part. The zero Behaviour accepts it, now,
// without a report.
type Behaviour struct {
	Result  pdu.Result    // of the answer; 0 takes the part
	Delay   time.Duration // before the answer
	Silent  bool          // no answer at all
	Drop    bool          // the connection is cut in place of the answer; with Result 0 the part is taken all the same
	Reports []Report      // where the part asked for one and was taken
}

// Report is one report on a part.
type Report struct {
	Stat         string        // DELIVRD, UNDELIV, MK:0001, …; ≤ 7 octets
	After        time.Duration // after the part came
	BeforeAnswer bool          // sent before the answer, and so at once
	UnknownID    bool          // about an id that was never answered
	Short        bool          // of 60 octets in 3.0 too, as some gateways send it
}

// Delivered is the ordinary behaviour: accepted, and a report after d.
func Delivered(d time.Duration) Behaviour {
	return Behaviour{Reports: []Report{{Stat: "DELIVRD", After: d}}}
}
