package sdp

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/provider/sip/g711"
)

// MediaType is SDP's in Content-Type.
const MediaType = "application/sdp"

// EventType is the payload type that an offer gives telephone events.
const EventType = 101

// longest is the longest description that is read, in octets; biggest the
// highest number of lines.
const (
	longest = 16 << 10
	biggest = 400
)

// Offer describes our end: where RTP is received.
type Offer struct {
	Session uint64 // random
	Media   netip.AddrPort
}

// Append is the description of the offer: A-law, µ-law and telephone events.
func (o Offer) Append(dst []byte) []byte {
	return description(dst, o.Session, o.Media, []g711.Law{g711.ALaw, g711.ULaw}, EventType)
}

// AppendAnswer is an answer that takes one codec of an offer, for the simulated
// end of a trunk; events 0 is none.
func AppendAnswer(dst []byte, session uint64, media netip.AddrPort, law g711.Law, events uint8) []byte {
	return description(dst, session, media, []g711.Law{law}, events)
}

func description(dst []byte, session uint64, media netip.AddrPort, laws []g711.Law, events uint8) []byte {
	family := " IP4 "
	if media.Addr().Unmap().Is6() {
		family = " IP6 "
	}
	at := "IN" + family + media.Addr().Unmap().String()
	dst = append(dst, "v=0\r\no=- "+strconv.FormatUint(session, 10)+" 1 "+at+"\r\ns=-\r\nc="+at+"\r\nt=0 0\r\n"...)
	dst = append(dst, "m=audio "+strconv.Itoa(int(media.Port()))+" RTP/AVP"...)
	for _, l := range laws {
		dst = append(dst, " "+strconv.Itoa(int(l))...)
	}
	if events > 0 {
		dst = append(dst, " "+strconv.Itoa(int(events))...)
	}
	dst = append(dst, "\r\n"...)
	for _, l := range laws {
		dst = append(dst, "a=rtpmap:"+strconv.Itoa(int(l))+" "+l.Name()+"/8000\r\n"...)
	}
	if events > 0 {
		dst = append(dst, "a=rtpmap:"+strconv.Itoa(int(events))+" telephone-event/8000\r\na=fmtp:"+strconv.Itoa(int(events))+" 0-15\r\n"...)
	}
	return append(dst, "a=ptime:20\r\na=sendrecv\r\n"...)
}

// Answer is what the other end made of an offer.
type Answer struct {
	Media  netip.AddrPort // where RTP goes
	Law    g711.Law       // the first codec of ours that it takes
	Events uint8          // payload type of telephone events; 0 is none
}

// Errors of ParseAnswer.
var (
	ErrDescription = errors.New("not a session description")
	ErrNoMedia     = errors.New("no audio is taken")
	ErrNoCodec     = errors.New("no codec in common")
)

// media is the first audio stream that is not refused.
type media struct {
	port        uint16
	types       []string
	connection  string
	inactive    bool
	names       map[string]string // payload type → name in lower case
	found, over bool
}

// ParseAnswer reads an answer, or an offer: where its first audio stream is
// received and which codec of ours it names first. ErrNoMedia when it has none
// or takes none (port 0, a=inactive, a=sendonly, address 0.0.0.0, a host name);
// ErrNoCodec when it has neither of our codecs.
func ParseAnswer(b []byte) (Answer, error) {
	if len(b) > longest {
		return Answer{}, ErrDescription
	}
	lines := strings.Split(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n")
	if len(lines) > biggest || !strings.HasPrefix(lines[0], "v=0") {
		return Answer{}, ErrDescription
	}
	session, inactive := "", false
	m := media{names: map[string]string{}}
	for _, line := range lines {
		key, value, ok := strings.Cut(line, "=")
		if line == "" {
			continue
		}
		if !ok || len(key) != 1 {
			return Answer{}, ErrDescription
		}
		switch {
		case key == "m":
			m.begin(value)
		case m.found && !m.over:
			m.line(key, value)
		case m.over:
		case key == "c":
			session = value
		case key == "a" && (value == "inactive" || value == "sendonly"):
			inactive = true
		}
	}
	if !m.found {
		return Answer{}, ErrNoMedia
	}
	if m.connection == "" {
		m.connection = session
	}
	m.inactive = m.inactive || inactive
	return m.answer()
}

// begin takes the stream of an m= line if it is the first that carries audio.
func (m *media) begin(value string) {
	if m.found {
		m.over = true
		return
	}
	fields := strings.Fields(value)
	if len(fields) < 4 || fields[0] != "audio" || fields[2] != "RTP/AVP" {
		return
	}
	port, _, _ := strings.Cut(fields[1], "/")
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return
	}
	m.found, m.port, m.types = true, uint16(number), fields[3:]
}

func (m *media) line(key, value string) {
	switch {
	case key == "c":
		m.connection = value
	case key == "a" && (value == "inactive" || value == "sendonly"):
		m.inactive = true
	case key == "a":
		if mapping, ok := strings.CutPrefix(value, "rtpmap:"); ok {
			number, name, _ := strings.Cut(mapping, " ")
			m.names[number] = strings.ToLower(strings.TrimSpace(name))
		}
	}
}

func (m *media) answer() (Answer, error) {
	fields := strings.Fields(m.connection)
	if m.inactive || len(fields) != 3 || fields[0] != "IN" {
		return Answer{}, ErrNoMedia
	}
	host, _, _ := strings.Cut(fields[2], "/")
	address, err := netip.ParseAddr(host)
	if err != nil || address.IsUnspecified() || address.IsMulticast() || address.Zone() != "" {
		return Answer{}, ErrNoMedia
	}
	a := Answer{Media: netip.AddrPortFrom(address.Unmap(), m.port)}
	chosen := false
	for _, t := range m.types {
		switch name := m.names[t]; {
		case t == "8" && !chosen:
			a.Law, chosen = g711.ALaw, true
		case t == "0" && !chosen:
			a.Law, chosen = g711.ULaw, true
		case strings.HasPrefix(name, "telephone-event/8000") && a.Events == 0:
			if number, err := strconv.ParseUint(t, 10, 7); err == nil {
				a.Events = uint8(number)
			}
		}
	}
	if !chosen {
		return Answer{}, ErrNoCodec
	}
	return a, nil
}
