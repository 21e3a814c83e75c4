package pdu

import "fmt"

// Status is a command_status.
type Status uint32

// The values of contracts/delivery.md §2.2.
const (
	OK           Status = 0x00
	InvMsgLen    Status = 0x01
	InvCmdLen    Status = 0x02
	InvCmdID     Status = 0x03
	InvBndStatus Status = 0x04
	AlreadyBound Status = 0x05
	SysErr       Status = 0x08
	InvSrcAddr   Status = 0x0a
	InvDstAddr   Status = 0x0b
	BindFail     Status = 0x0d
	InvPassword  Status = 0x0e
	InvSystemID  Status = 0x0f
	MsgQueueFull Status = 0x14
	SubmitFail   Status = 0x45
	Throttled    Status = 0x58
	InvSchedule  Status = 0x61
	InvExpiry    Status = 0x62
	AppTemporary Status = 0x64
	AppPermanent Status = 0x65
	AppReject    Status = 0x66
	DeliveryFail Status = 0xfe
	UnknownErr   Status = 0xff

	VendorFirst Status = 0x400
	VendorLast  Status = 0x4ff
)

// String is the value in hexadecimal, as operators look it up: 0x0000000B.
func (s Status) String() string { return fmt.Sprintf("0x%08X", uint32(s)) }

// Name is the value in words, "vendor-specific" or "other" where the contract
// has none.
func (s Status) Name() string {
	if s >= VendorFirst && s <= VendorLast {
		return "vendor-specific"
	}
	if name, ok := statusNames[s]; ok {
		return name
	}
	return "other"
}

var statusNames = map[Status]string{
	OK: "ok", InvMsgLen: "invalid message length", InvCmdLen: "invalid command length", InvCmdID: "invalid command id",
	InvBndStatus: "wrong bind state", AlreadyBound: "already bound", SysErr: "system error",
	InvSrcAddr: "invalid source address", InvDstAddr: "invalid destination address", BindFail: "bind failed",
	InvPassword: "invalid password", InvSystemID: "invalid system id", MsgQueueFull: "message queue full",
	SubmitFail: "submit failed", Throttled: "throttled", InvSchedule: "invalid schedule", InvExpiry: "invalid validity",
	AppTemporary: "temporary application error", AppPermanent: "permanent application error", AppReject: "application reject",
	DeliveryFail: "delivery failure", UnknownErr: "unknown error",
}
