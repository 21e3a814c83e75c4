package pdu

import (
	"fmt"
	"strconv"
	"time"
)

// Widths of fields (contracts/delivery.md §3.3, §3.4).
const (
	serviceIDLen = 10
	srcIDLen     = 21
	timeLen      = 17
	maxDests     = 99
)

// terminalLen is the width of a subscriber's number.
func (v Version) terminalLen() int {
	if v == V30 {
		return 32
	}
	return 21
}

// linkIDLen is the width of LinkID, which 2.0 calls Reserve.
func (v Version) linkIDLen() int {
	if v == V30 {
		return 20
	}
	return 8
}

// Values of Msg_Fmt.
const (
	FormatASCII  byte = 0
	FormatBinary byte = 4
	FormatUCS2   byte = 8
	FormatGBK    byte = 15
)

// MaxContent is how many octets Msg_Content may have: 140, or 159 in ASCII
// (contracts/delivery.md §3.3).
func MaxContent(format byte) int {
	if format == FormatASCII {
		return 159
	}
	return 140
}

// MsgID is the id that a gateway gives to a message. High to low: month 4 bits,
// day 5, hour 5, minute 6, second 6, gateway 22, sequence 16.
type MsgID uint64

// NewMsgID is the id of a gateway's message at a time.
func NewMsgID(at time.Time, gateway uint32, sequence uint16) MsgID {
	_, month, day := at.Date()
	hour, minute, second := at.Clock()
	id := uint64(month)
	id = id<<5 | uint64(day)
	id = id<<5 | uint64(hour)
	id = id<<6 | uint64(minute)
	id = id<<6 | uint64(second)
	id = id<<22 | uint64(gateway&(1<<22-1))
	return MsgID(id<<16 | uint64(sequence))
}

// String is the id as our messages keep it: decimal.
func (id MsgID) String() string { return strconv.FormatUint(uint64(id), 10) }

// Submit is the body of SUBMIT. Fields that only 3.0 has are not written in 2.0.
type Submit struct {
	MsgID              MsgID // 0
	PkTotal, PkNumber  byte  // 1, 1 or segment numbers
	RegisteredDelivery byte  // 1: a report is wanted
	MsgLevel           byte
	ServiceID          string // ≤ 10
	FeeUserType        byte   // 2: charge the SP
	FeeTerminal        string // ≤ 21, 32
	FeeTerminalType    byte   // 3.0
	TPPid, TPUdhi      byte   // 0; 1 for a content that begins with a user-data header
	MsgFmt             byte
	MsgSrc             string // SP_Id
	FeeType            string // ≤ 2
	FeeCode            string // ≤ 6
	ValidTime, AtTime  string // empty or SMPP time
	SrcID              string // access number and extension, ≤ 21
	Dest               []string
	DestType           byte // 3.0
	Content            []byte
	LinkID             string // ≤ 8 (Reserve), 20
}

// AppendSubmit appends a SUBMIT of a version. On ErrField dst is returned as it
// was.
func AppendSubmit(dst []byte, v Version, seq uint32, m *Submit) ([]byte, error) {
	w := writer{dst: appendHeader(dst, 0, CmdSubmit, seq)}
	w.uint64(uint64(m.MsgID))
	w.octets(m.PkTotal, m.PkNumber, m.RegisteredDelivery, m.MsgLevel)
	w.fixed("Service_Id", m.ServiceID, serviceIDLen)
	w.octets(m.FeeUserType)
	w.fixed("Fee_terminal_Id", m.FeeTerminal, v.terminalLen())
	if v == V30 {
		w.octets(m.FeeTerminalType)
	}
	w.octets(m.TPPid, m.TPUdhi, m.MsgFmt)
	w.fixed("Msg_src", m.MsgSrc, SPIDLen)
	w.fixed("FeeType", m.FeeType, 2)
	w.fixed("FeeCode", m.FeeCode, 6)
	w.fixed("ValId_Time", m.ValidTime, timeLen)
	w.fixed("At_Time", m.AtTime, timeLen)
	w.fixed("Src_Id", m.SrcID, srcIDLen)
	w.dests(v, m.Dest)
	if v == V30 {
		w.octets(m.DestType)
	}
	w.content(m.MsgFmt, m.Content)
	w.fixed("Reserve", m.LinkID, v.linkIDLen())
	return finish(w.dst, len(dst), w.err)
}

func (w *writer) dests(v Version, all []string) {
	if len(all) < 1 || len(all) > maxDests {
		w.fail("DestUsr_tl", fmt.Sprintf("is not 1 to %d", maxDests))
		return
	}
	w.octets(byte(len(all)))
	for _, dest := range all {
		w.fixed("Dest_terminal_Id", dest, v.terminalLen())
	}
}

// ParseSubmit reads the body of a SUBMIT into m, whose Dest's room is used
// again. It fails with ErrBody.
func ParseSubmit(body []byte, v Version, m *Submit) error {
	f := newFields(body)
	m.MsgID = MsgID(f.uint64("Msg_Id"))
	m.PkTotal, m.PkNumber = f.octet("Pk_total"), f.octet("Pk_number")
	m.RegisteredDelivery, m.MsgLevel = f.octet("Registered_Delivery"), f.octet("Msg_level")
	m.ServiceID = f.fixed("Service_Id", serviceIDLen)
	m.FeeUserType = f.octet("Fee_UserType")
	m.FeeTerminal = f.fixed("Fee_terminal_Id", v.terminalLen())
	m.FeeTerminalType = 0
	if v == V30 {
		m.FeeTerminalType = f.octet("Fee_terminal_type")
	}
	m.TPPid, m.TPUdhi, m.MsgFmt = f.octet("TP_pId"), f.octet("TP_udhi"), f.octet("Msg_Fmt")
	m.MsgSrc = f.fixed("Msg_src", SPIDLen)
	m.FeeType = f.fixed("FeeType", 2)
	m.FeeCode = f.fixed("FeeCode", 6)
	m.ValidTime = f.fixed("ValId_Time", timeLen)
	m.AtTime = f.fixed("At_Time", timeLen)
	m.SrcID = f.fixed("Src_Id", srcIDLen)
	m.Dest = f.dests(v, m.Dest)
	m.DestType = 0
	if v == V30 {
		m.DestType = f.octet("Dest_terminal_type")
	}
	m.Content = f.take("Msg_Content", int(f.octet("Msg_Length")))
	m.LinkID = f.fixed("Reserve", v.linkIDLen())
	return f.end()
}

func (f *fields) dests(v Version, into []string) []string {
	n := f.octet("DestUsr_tl")
	if n < 1 || n > maxDests {
		f.fail("DestUsr_tl")
	}
	into = into[:0]
	for range n {
		if f.err != nil {
			break
		}
		into = append(into, f.fixed("Dest_terminal_Id", v.terminalLen()))
	}
	return into
}

// Deliver is the body of DELIVER: a subscriber's text, or a report.
type Deliver struct {
	MsgID              MsgID
	DestID             string // access number and extension, ≤ 21
	ServiceID          string // ≤ 10
	TPPid, TPUdhi      byte
	MsgFmt             byte
	SrcTerminal        string // ≤ 21, 32
	SrcTerminalType    byte   // 3.0
	RegisteredDelivery byte   // 1: the content is a report
	Content            []byte
	LinkID             string // ≤ 8 (Reserved), 20
}

// IsReport tells whether the content is a report on an earlier SUBMIT.
func (m *Deliver) IsReport() bool { return m.RegisteredDelivery == 1 }

// AppendDeliver appends a DELIVER of a version. On ErrField dst is returned as
// it was.
func AppendDeliver(dst []byte, v Version, seq uint32, m *Deliver) ([]byte, error) {
	w := writer{dst: appendHeader(dst, 0, CmdDeliver, seq)}
	w.uint64(uint64(m.MsgID))
	w.fixed("Dest_Id", m.DestID, srcIDLen)
	w.fixed("Service_Id", m.ServiceID, serviceIDLen)
	w.octets(m.TPPid, m.TPUdhi, m.MsgFmt)
	w.fixed("Src_terminal_Id", m.SrcTerminal, v.terminalLen())
	if v == V30 {
		w.octets(m.SrcTerminalType)
	}
	w.octets(m.RegisteredDelivery)
	w.content(m.MsgFmt, m.Content)
	w.fixed("Reserved", m.LinkID, v.linkIDLen())
	return finish(w.dst, len(dst), w.err)
}

// ParseDeliver reads the body of a DELIVER into m. It fails with ErrBody.
func ParseDeliver(body []byte, v Version, m *Deliver) error {
	f := newFields(body)
	m.MsgID = MsgID(f.uint64("Msg_Id"))
	m.DestID = f.fixed("Dest_Id", srcIDLen)
	m.ServiceID = f.fixed("Service_Id", serviceIDLen)
	m.TPPid, m.TPUdhi, m.MsgFmt = f.octet("TP_pid"), f.octet("TP_udhi"), f.octet("Msg_Fmt")
	m.SrcTerminal = f.fixed("Src_terminal_Id", v.terminalLen())
	m.SrcTerminalType = 0
	if v == V30 {
		m.SrcTerminalType = f.octet("Src_terminal_type")
	}
	m.RegisteredDelivery = f.octet("Registered_Delivery")
	m.Content = f.take("Msg_Content", int(f.octet("Msg_Length")))
	m.LinkID = f.fixed("Reserved", v.linkIDLen())
	return f.end()
}
