package listen

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/sip/g711"
	"yanma.dev/yanma/internal/provider/sip/rtp"
	"yanma.dev/yanma/internal/provider/sip/speech"
)

func book(t *testing.T) *speech.Book {
	t.Helper()
	b, err := speech.Open()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEveryDigitOnItsOwn: a prompt is recognised as itself, behind both codecs,
// and nothing else is heard in it.
func TestEveryDigitOnItsOwn(t *testing.T) {
	b := book(t)
	r := New(b)
	for _, law := range []g711.Law{g711.ALaw, g711.ULaw} {
		for _, l := range []core.Language{core.Chinese, core.English} {
			for d := range 10 {
				if law == g711.ULaw && d%4 != 0 || testing.Short() && d != 7 {
					continue
				}
				samples := append(make([]int16, 1234), b.Digit(l, d)...)
				got := r.Digits(law.Decode(nil, law.Encode(nil, samples)))
				if len(got) != 1 || got[0].Digit != '0'+byte(d) || got[0].Language != l || got[0].Score < 0.98 || got[0].At < 1230 || got[0].At > 1238 {
					t.Errorf("%s %s %d: %+v", law.Name(), l, d, got)
				}
			}
		}
	}
}

// TestNothingIsHeardInTheRest: the sentences around the digits, noise and
// silence have no digits in them.
func TestNothingIsHeardInTheRest(t *testing.T) {
	b := book(t)
	r := New(b)
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]int16, 4*g711.Rate)
	for i := range noise {
		noise[i] = int16(random.IntN(20000) - 10000)
	}
	if got := r.Digits(noise); len(got) != 0 {
		t.Errorf("in noise: %+v", got)
	}
	if got := r.Digits(make([]int16, g711.Rate)); len(got) != 0 {
		t.Errorf("in silence: %+v", got)
	}
	if got := r.Digits(nil); len(got) != 0 {
		t.Errorf("in nothing: %+v", got)
	}
}

// TestCallIsRecognised is a whole call in each language, with noise, and with
// the first second lost.
func TestCallIsRecognised(t *testing.T) {
	b := book(t)
	r := New(b)
	random := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		language core.Language
		code     string
		want     string
	}{
		{core.Chinese, "042917", "042917042917"},
		{core.English, "8855336611", "88553366118855336611"},
		{core.Both, "1234", "1234123412341234"},
		{core.Chinese, "0000", "00000000"},
	} {
		if testing.Short() && c.code != "0000" {
			continue // slow under the race detector, which has nothing to find here
		}
		said := b.Say(core.Speech{Code: core.CodeFromDigits(c.code), Language: c.language})
		for i := range said {
			said[i] += int16(random.IntN(1200) - 600)
		}
		heard := r.Digits(g711.ULaw.Decode(nil, g711.ULaw.Encode(nil, said)))
		if Text(heard) != c.want {
			t.Errorf("%s %s: heard %s", c.language, c.code, Text(heard))
		}
		code := Code(heard)
		if code != c.code {
			t.Errorf("%s: the code is %q", c.code, code)
		}
		for i, h := range heard {
			second := i/len(c.code)%2 == 1
			if want := c.language; want != core.Both && h.Language != want || want == core.Both && (h.Language == core.English) != second {
				t.Errorf("%s %s: digit %d is in %s", c.language, c.code, i, h.Language)
			}
		}
	}
	said := b.Say(core.Speech{Code: core.CodeFromDigits("2468"), Language: core.Chinese})
	if got := r.Digits(said[g711.Rate:]); Text(got) != "24682468" {
		t.Errorf("without its first second %s", Text(got))
	}
	wrong := append(b.Once(core.Speech{Code: core.CodeFromDigits("123456")}), b.Once(core.Speech{Code: core.CodeFromDigits("123457")})...)
	if heard := r.Digits(wrong); Text(heard) != "123456123457" || Code(heard) != "" {
		t.Errorf("rounds that disagree: %s, %q", Text(heard), Code(heard))
	}
}

// TestRecording puts packets back that come late, twice, in another order, and
// ignores what is not of the stream.
func TestRecording(t *testing.T) {
	packet := func(sequence uint16, at uint32, octet byte) *rtp.Packet {
		return &rtp.Packet{Type: 8, SSRC: 7, Sequence: sequence, Timestamp: at, Payload: bytes.Repeat([]byte{octet}, 160)}
	}
	var r Recording
	first := uint32(0xffffff60) // the timestamps wrap
	for _, p := range []*rtp.Packet{packet(1, first, 0xaa), packet(4, first+480, 0x2a), packet(2, first+160, 0x80), packet(2, first+160, 0x80)} {
		if !r.Take(p) {
			t.Errorf("%d is not taken", p.Sequence)
		}
	}
	event := packet(5, first+640, 1)
	event.Type = 101
	other := packet(5, first+640, 1)
	other.SSRC = 8
	early := packet(0, first-160, 1)
	if r.Take(event) || r.Take(other) || r.Take(early) || r.Take(packet(9, first+longest, 1)) || r.Take(&rtp.Packet{Type: 8, SSRC: 7}) {
		t.Error("something is taken that does not belong here")
	}
	samples := r.Samples()
	if r.Packets != 4 || len(samples) != 640 || samples[0] != 32256 || samples[160] != 5504 || samples[320] != 0 || samples[480] != -32256 {
		t.Errorf("%d packets, %d samples", r.Packets, len(samples))
	}
	wav := r.WAV()
	if len(wav) != 44+1280 || string(wav[:4])+string(wav[8:16])+string(wav[36:40]) != "RIFFWAVEfmt data" || wav[44] != 0x00 || wav[45] != 0x7e {
		t.Errorf("WAV: %d octets, %x", len(wav), wav[:46])
	}
}

func TestCode(t *testing.T) {
	for all, want := range map[string]string{"12341234": "1234", "00000000": "0000", "123456123456123456": "123456", "1234": "", "12341235": "", "": "", "123123": "",
		"12341234123": ""} {
		var heard []Heard
		for _, d := range all {
			heard = append(heard, Heard{Digit: byte(d)})
		}
		if got := Code(heard); got != want {
			t.Errorf("%s: %q", all, got)
		}
	}
	if !strings.HasPrefix(Text([]Heard{{Digit: '7'}}), "7") {
		t.Error("text")
	}
}
