package pdu

// InterfaceVersion is the only one that is spoken.
const InterfaceVersion byte = 0x34

// Limits of the fields of a bind, their NUL included.
const (
	maxSystemID     = 16
	maxPassword     = 9
	maxSystemType   = 13
	maxAddressRange = 41
)

// Bind is the body of bind_receiver, bind_transmitter and bind_transceiver.
type Bind struct {
	SystemID         string // ≤ 15 octets
	Password         string // ≤ 8 octets
	SystemType       string // ≤ 12 octets
	InterfaceVersion byte
	TON, NPI         byte
	AddressRange     string // ≤ 40 octets
}

// CheckBind fails with ErrField when b can not be sent.
func CheckBind(b *Bind) error {
	_, err := AppendBind(nil, BindTransceiver, 1, b)
	return err
}

// AppendBind appends a bind. On ErrField, whose text shows no value, dst is
// returned as it was.
func AppendBind(dst []byte, id CommandID, seq uint32, b *Bind) ([]byte, error) {
	start := len(dst)
	dst, err := appendBindBody(appendHeader(dst, 0, id, OK, seq), b)
	return finish(dst, start, err)
}

func appendBindBody(dst []byte, b *Bind) ([]byte, error) {
	dst, err := appendCString(dst, "system_id", b.SystemID, maxSystemID)
	if err != nil {
		return dst, err
	}
	if dst, err = appendCString(dst, "password", b.Password, maxPassword); err != nil {
		return dst, err
	}
	if dst, err = appendCString(dst, "system_type", b.SystemType, maxSystemType); err != nil {
		return dst, err
	}
	dst = append(dst, b.InterfaceVersion)
	return appendAddress(dst, "address_range", Address{TON: b.TON, NPI: b.NPI, Addr: b.AddressRange}, maxAddressRange)
}

// ParseBind reads the body of a bind. It fails with ErrBody.
func ParseBind(body []byte) (Bind, error) {
	f := newFields(body)
	var b Bind
	b.SystemID = f.cString("system_id", maxSystemID)
	b.Password = f.cString("password", maxPassword)
	b.SystemType = f.cString("system_type", maxSystemType)
	b.InterfaceVersion = f.octet("interface_version")
	b.TON = f.octet("addr_ton")
	b.NPI = f.octet("addr_npi")
	b.AddressRange = f.cString("address_range", maxAddressRange)
	if len(f.rest) > 0 {
		f.fail("bind")
	}
	return b, f.err
}

// BindResp is the body of the response to a bind.
type BindResp struct {
	SystemID string // the SMSC's, ≤ 15 octets
	TLVs     TLVs   // sc_interface_version, where the SMSC says it
}

// AppendBindResp appends the response to a bind; id is the response's. A
// refusal has no body, but for bind_transceiver_resp, whose system_id the
// specification does not leave out.
func AppendBindResp(dst []byte, id CommandID, status Status, seq uint32, r *BindResp) ([]byte, error) {
	if status != OK && id != BindTransceiverResp {
		return AppendEmpty(dst, id, status, seq), nil
	}
	start := len(dst)
	dst, err := appendCString(appendHeader(dst, 0, id, status, seq), "system_id", r.SystemID, maxSystemID)
	if err == nil {
		dst, err = appendTLVs(dst, r.TLVs)
	}
	return finish(dst, start, err)
}

// ParseBindResp reads the response to a bind. No body at all is taken, as
// refusals have it.
func ParseBindResp(body []byte) (BindResp, error) {
	if len(body) == 0 {
		return BindResp{}, nil
	}
	f := newFields(body)
	var r BindResp
	r.SystemID = f.cString("system_id", maxSystemID)
	r.TLVs = f.tlvs(nil)
	return r, f.err
}
