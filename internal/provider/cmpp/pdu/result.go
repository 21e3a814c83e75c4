package pdu

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// Result is how SUBMIT_RESP and DELIVER_RESP end a request.
type Result uint32

// The results (contracts/delivery.md §3.3). 9 is "other" in 2.0.
const (
	ResultOK          Result = 0
	ResultMalformed   Result = 1
	ResultCommand     Result = 2
	ResultSequence    Result = 3 // duplicate
	ResultLength      Result = 4
	ResultFeeCode     Result = 5
	ResultTooLong     Result = 6
	ResultServiceID   Result = 7
	ResultFlowControl Result = 8
	ResultOther       Result = 9 // 3.0: this gateway does not serve the fee number
	ResultSrcID       Result = 10
	ResultMsgSrc      Result = 11
	ResultFeeTerminal Result = 12
	ResultDest        Result = 13
)

var resultNames = [...]string{
	"ok", "malformed", "unknown command", "duplicate sequence", "wrong length", "wrong fee code", "text too long",
	"wrong service id", "flow control", "other, or fee number not served here", "wrong Src_Id", "wrong Msg_src",
	"wrong Fee_terminal_Id", "wrong Dest_terminal_Id",
}

// String is the result as operators look it up: a decimal number.
func (r Result) String() string { return strconv.FormatUint(uint64(r), 10) }

// Name is the result in words.
func (r Result) Name() string {
	if int64(r) < int64(len(resultNames)) {
		return resultNames[r]
	}
	return "other"
}

// AppendResp appends a SUBMIT_RESP or DELIVER_RESP of a version: 21 octets in
// 2.0, 24 in 3.0.
func AppendResp(dst []byte, v Version, id CommandID, seq uint32, msg MsgID, r Result) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint64(appendHeader(dst, 0, id, seq), uint64(msg))
	dst = appendResult(dst, v, uint32(r))
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

// ParseResp reads the body of a SUBMIT_RESP or DELIVER_RESP, by its length. It
// fails with ErrBody.
func ParseResp(body []byte) (MsgID, Result, error) {
	switch len(body) {
	case 8 + 1:
		return MsgID(binary.BigEndian.Uint64(body)), Result(body[8]), nil
	case 8 + 4:
		return MsgID(binary.BigEndian.Uint64(body)), Result(binary.BigEndian.Uint32(body[8:])), nil
	}
	return 0, 0, fmt.Errorf("%w: response of %d octets", ErrBody, len(body))
}
