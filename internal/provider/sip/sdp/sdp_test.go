package sdp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/provider/sip/g711"
)

func TestOffer(t *testing.T) {
	got := string(Offer{Session: 42, Media: netip.MustParseAddrPort("192.0.2.1:4000")}.Append(nil))
	want := strings.ReplaceAll(`v=0
o=- 42 1 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
m=audio 4000 RTP/AVP 8 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
`, "\n", "\r\n")
	if got != want {
		t.Errorf("%s", got)
	}
	if six := string(Offer{Media: netip.MustParseAddrPort("[2001:db8::1]:4000")}.Append(nil)); !strings.Contains(six, "c=IN IP6 2001:db8::1\r\n") {
		t.Errorf("%s", six)
	}
}

// answer is a description around the lines of its media.
func answer(lines ...string) string {
	return "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n" + strings.Join(lines, "\r\n") + "\r\n"
}

func TestParseAnswer(t *testing.T) {
	at := netip.MustParseAddrPort("192.0.2.9:6000")
	for _, c := range []struct {
		name, text string
		want       Answer
	}{
		{"A-law with events", answer("m=audio 6000 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000"), Answer{at, g711.ALaw, 101}},
		{"µ-law first", answer("m=audio 6000 RTP/AVP 0 8"), Answer{at, g711.ULaw, 0}},
		{"events of another number, before the codec", answer("m=audio 6000 RTP/AVP 96 8", "a=rtpmap:96 TELEPHONE-EVENT/8000"), Answer{at, g711.ALaw, 96}},
		{"a codec that is not ours first", answer("m=audio 6000 RTP/AVP 18 8", "a=rtpmap:18 G729/8000"), Answer{at, g711.ALaw, 0}},
		{"the media has its own address", answer("m=audio 6000 RTP/AVP 8", "c=IN IP4 192.0.2.77"), Answer{netip.MustParseAddrPort("192.0.2.77:6000"), g711.ALaw, 0}},
		{"IPv6", strings.ReplaceAll(answer("m=audio 6000 RTP/AVP 8"), "IP4 192.0.2.9", "IP6 2001:db8::9"), Answer{netip.MustParseAddrPort("[2001:db8::9]:6000"), g711.ALaw, 0}},
		{"video refused, audio second", answer("m=video 0 RTP/AVP 97", "m=audio 6000 RTP/AVP 8", "m=video 7000 RTP/AVP 97", "c=IN IP4 192.0.2.66"), Answer{at, g711.ALaw, 0}},
		{"lines end in LF only", strings.ReplaceAll(answer("m=audio 6000 RTP/AVP 8"), "\r\n", "\n"), Answer{at, g711.ALaw, 0}},
		{"recvonly", answer("m=audio 6000 RTP/AVP 8", "a=recvonly"), Answer{at, g711.ALaw, 0}},
	} {
		if got, err := ParseAnswer([]byte(c.text)); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", ErrDescription},
		{"no SDP", "hello", ErrDescription},
		{"a line that is none", answer("m=audio 6000 RTP/AVP 8", "xyz"), ErrDescription},
		{"too long", answer(strings.Repeat("a=x\r\n", biggest)), ErrDescription},
		{"no media", answer(), ErrNoMedia},
		{"refused", answer("m=audio 0 RTP/AVP 8"), ErrNoMedia},
		{"port that is none", answer("m=audio 66000 RTP/AVP 8"), ErrNoMedia},
		{"encrypted", answer("m=audio 6000 RTP/SAVP 8"), ErrNoMedia},
		{"on hold", answer("m=audio 6000 RTP/AVP 8", "a=inactive"), ErrNoMedia},
		{"on hold, session", strings.Replace(answer("m=audio 6000 RTP/AVP 8"), "t=0 0", "t=0 0\r\na=sendonly", 1), ErrNoMedia},
		{"on hold, the old way", answer("m=audio 6000 RTP/AVP 8", "c=IN IP4 0.0.0.0"), ErrNoMedia},
		{"a host name", answer("m=audio 6000 RTP/AVP 8", "c=IN IP4 phone.example"), ErrNoMedia},
		{"multicast", answer("m=audio 6000 RTP/AVP 8", "c=IN IP4 233.252.0.1/127"), ErrNoMedia},
		{"another codec", answer("m=audio 6000 RTP/AVP 18"), ErrNoCodec},
	} {
		if got, err := ParseAnswer([]byte(c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v, want %v", c.name, got, err, c.want)
		}
	}
}

// TestOfferAnswered: what we answer to our own offer is understood.
func TestOfferAnswered(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:5004")
	offer, err := ParseAnswer(Offer{Media: at}.Append(nil))
	if err != nil || offer != (Answer{at, g711.ALaw, EventType}) {
		t.Errorf("%+v, %v", offer, err)
	}
	for _, want := range []Answer{{at, g711.ALaw, 0}, {at, g711.ULaw, 96}} {
		if got, err := ParseAnswer(AppendAnswer(nil, 1, at, want.Law, want.Events)); err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(answer("m=audio 6000 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000", "a=sendrecv")))
	f.Add([]byte(answer("m=audio 6000/2 RTP/AVP 0", "c=IN IP6 ::1")))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAnswer(b)
		if err == nil && (!a.Media.IsValid() || a.Media.Port() == 0 || a.Media.Addr().IsUnspecified() || a.Events > 127) {
			t.Fatalf("%+v", a)
		}
	})
}
