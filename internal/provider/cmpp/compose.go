package cmpp

import (
	"errors"
	"fmt"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	smpp "yanma.dev/yanma/internal/provider/smpp/pdu"
)

// draft is a message on its way into packets: what all parts share, and the
// texts: octets in GBK and ASCII, characters in UCS-2.
type draft struct {
	submit pdu.Submit
	parts  []string
	ref    byte // of the concatenation header
	dest   [1]string
}

const (
	reportWanted     = 1
	chargeSP         = 2    // Fee_UserType
	feeByMessage     = "01" // FeeType
	feeNone          = "0"  // FeeCode
	maxExtension     = 6    // contracts/delivery.md §4
	chinaCallingCode = "+86"
)

// compose turns a message into a draft. It fails for what no gateway can carry.
func (c *Client) compose(m *provider.Message, d *draft) error {
	national, ok := strings.CutPrefix(m.To.E164(), chinaCallingCode)
	if !ok {
		return errors.New("not a number of the mainland")
	}
	source, err := c.cfg.source(m.From)
	if err != nil {
		return err
	}
	d.dest[0] = national
	d.submit = pdu.Submit{
		RegisteredDelivery: reportWanted, ServiceID: c.cfg.ServiceID, FeeUserType: chargeSP, MsgSrc: c.cfg.SPID,
		FeeType: feeByMessage, FeeCode: feeNone, SrcID: source, Dest: d.dest[:],
		ValidTime: smpp.RelativeTime(m.Validity), // "SMPP time": contracts/delivery.md §3.3
	}
	d.submit.MsgFmt, d.parts = c.cfg.Charset.segments(m.Text)
	if len(d.parts) > text.MaxSegments {
		return fmt.Errorf("text of %d segments", len(d.parts))
	}
	d.submit.PkTotal = byte(len(d.parts))
	if len(d.parts) > 1 {
		d.submit.TPUdhi = 1
		d.ref = byte(c.ref.Add(1))
	}
	return nil
}

// part puts the octets of one part into the packet; scratch is their memory.
func (d *draft) part(i int, scratch []byte) {
	octets := scratch[:0]
	if len(d.parts) > 1 {
		octets = text.AppendHeader(octets, d.ref, byte(len(d.parts)), byte(i+1))
	}
	if d.submit.MsgFmt == pdu.FormatUCS2 {
		octets = text.UCS2.Append(octets, d.parts[i])
	} else {
		octets = append(octets, d.parts[i]...)
	}
	d.submit.PkNumber, d.submit.Content = byte(i+1), octets
}

// segments splits a text into its parts and tells their Msg_Fmt.
func (set Charset) segments(s string) (format byte, parts []string) {
	switch set {
	case CharsetGBK:
		if octets, ok := pdu.EncodeGBK(s); ok {
			return pdu.FormatGBK, split(octets, pdu.MaxContent(pdu.FormatGBK))
		}
	case CharsetASCII:
		if isASCII(s) {
			return pdu.FormatASCII, split(s, pdu.MaxContent(pdu.FormatASCII))
		}
	case CharsetUCS2:
	}
	_, parts = text.Segments(s, true)
	return pdu.FormatUCS2, parts
}

// split cuts octets of GBK, of which ASCII is a part, into contents: one of
// limit octets, or several that leave room for the header.
func split(octets string, limit int) []string {
	if len(octets) <= limit {
		return []string{octets}
	}
	var parts []string
	for len(octets) > 0 {
		n := pdu.GBKEnd(octets, limit-text.HeaderLen)
		parts = append(parts, octets[:n])
		octets = octets[n:]
	}
	return parts
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// source is Src_Id: the link's access number with a sender of up to six digits
// as its extension, or a sender that begins with the access number itself. A
// name stays out: CMPP has numbers only, and the text begins with the signature.
func (cfg *Config) source(from string) (string, error) {
	switch {
	case from == "" || !isDigits(from):
		return cfg.Source, nil
	case strings.HasPrefix(from, cfg.Source) && len(from) <= maxSource:
		return from, nil
	case len(from) <= maxExtension && len(cfg.Source)+len(from) <= maxSource:
		return cfg.Source + from, nil
	}
	return "", errors.New("sender is neither the access number nor an extension of it")
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// subscriber is the E.164 number of the sender of a text, which gateways give in
// the national form, or with 86 before it. Numbers of things have 13 digits.
func subscriber(number string) core.Phone {
	number = strings.TrimPrefix(strings.TrimSpace(number), "+")
	if national, ok := strings.CutPrefix(number, "86"); ok && isMainland(national) {
		number = national
	}
	if isMainland(number) {
		return core.PhoneFromE164(chinaCallingCode + number)
	}
	return core.PhoneFromE164("+" + number)
}

func isMainland(national string) bool {
	return strings.HasPrefix(national, "1") && (len(national) == 11 || len(national) == 13)
}
