package pdu

import "fmt"

// Report is the content of a DELIVER about an earlier SUBMIT
// (contracts/delivery.md §3.4).
type Report struct {
	MsgID        MsgID  // of the SUBMIT
	Stat         string // DELIVRD, MK:0001, …; ≤ 7
	SubmitTime   string // YYMMDDHHMM
	DoneTime     string // YYMMDDHHMM
	Dest         string // the subscriber, ≤ 21, 32
	SMSCSequence uint32
}

// Lengths of a report.
const (
	reportLen20 = 60
	reportLen30 = 71
)

// AppendReport appends the content of a report: 60 octets in 2.0, 71 in 3.0. On
// ErrField dst is returned as it was.
func AppendReport(dst []byte, v Version, r *Report) ([]byte, error) {
	w := writer{dst: dst}
	w.uint64(uint64(r.MsgID))
	w.fixed("Stat", r.Stat, 7)
	w.fixed("Submit_time", r.SubmitTime, 10)
	w.fixed("Done_time", r.DoneTime, 10)
	w.fixed("Dest_terminal_Id", r.Dest, v.terminalLen())
	w.uint32(r.SMSCSequence)
	if w.err != nil {
		return dst, w.err
	}
	return w.dst, nil
}

// ParseReport reads the content of a report, by its length: gateways of 3.0
// are known that send the shorter form. It fails with ErrBody.
func ParseReport(content []byte) (Report, error) {
	v := V20
	switch len(content) {
	case reportLen20:
	case reportLen30:
		v = V30
	default:
		return Report{}, fmt.Errorf("%w: report of %d octets", ErrBody, len(content))
	}
	f := newFields(content)
	r := Report{MsgID: MsgID(f.uint64("Msg_Id"))}
	r.Stat = f.fixed("Stat", 7)
	r.SubmitTime = f.fixed("Submit_time", 10)
	r.DoneTime = f.fixed("Done_time", 10)
	r.Dest = f.fixed("Dest_terminal_Id", v.terminalLen())
	r.SMSCSequence = f.uint32("SMSC_sequence")
	return r, f.end()
}
