package pdu

import (
	"encoding/binary"
	"fmt"
)

// Tag names an optional parameter.
type Tag uint16

// The optional parameters of contracts/delivery.md §2.1.
const (
	TagReceiptedMessageID Tag = 0x001e
	TagSARRef             Tag = 0x020c
	TagSARTotal           Tag = 0x020e
	TagSARNumber          Tag = 0x020f
	TagInterfaceVersion   Tag = 0x0210
	TagNetworkErrorCode   Tag = 0x0423
	TagMessagePayload     Tag = 0x0424
	TagMessageState       Tag = 0x0427
)

// TLV is one optional parameter.
type TLV struct {
	Tag   Tag
	Value []byte
}

// TLVs are the optional parameters of a PDU, in their order.
type TLVs []TLV

// Get is the value of the first parameter with the tag.
func (t TLVs) Get(tag Tag) ([]byte, bool) {
	for i := range t {
		if t[i].Tag == tag {
			return t[i].Value, true
		}
	}
	return nil, false
}

func appendTLVs(dst []byte, tlvs TLVs) ([]byte, error) {
	for i := range tlvs {
		if len(tlvs[i].Value) > MaxLen {
			return dst, fmt.Errorf("%w: parameter 0x%04X", ErrField, uint16(tlvs[i].Tag))
		}
		dst = binary.BigEndian.AppendUint16(dst, uint16(tlvs[i].Tag))
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(tlvs[i].Value)))
		dst = append(dst, tlvs[i].Value...)
	}
	return dst, nil
}

// tlvs reads the optional parameters that end a body, into into's memory.
func (f *fields) tlvs(into TLVs) TLVs {
	into = into[:0]
	for f.err == nil && len(f.rest) > 0 {
		head := f.octets("optional parameter", 4)
		if f.err != nil {
			break
		}
		value := f.octets("optional parameter", int(binary.BigEndian.Uint16(head[2:])))
		if f.err == nil {
			into = append(into, TLV{Tag: Tag(binary.BigEndian.Uint16(head)), Value: value})
		}
	}
	return into
}
