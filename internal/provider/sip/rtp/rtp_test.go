package rtp

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"yanma.dev/yanma/internal/provider/sip/g711"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPacket is written from RFC 3550 §5.1's picture.
func TestPacket(t *testing.T) {
	wire := unhex(t, "8088123400000140deadbeefd5d5")
	want := Packet{Type: 8, Marker: true, Sequence: 0x1234, Timestamp: 320, SSRC: 0xdeadbeef, Payload: []byte{0xd5, 0xd5}}
	if got := want.Append(nil); !bytes.Equal(got, wire) {
		t.Errorf("%x", got)
	}
	for name, wire := range map[string]string{
		"plain":        "8088123400000140deadbeefd5d5",
		"contributors": "8288123400000140deadbeef0000000100000002d5d5",
		"extension":    "9088123400000140deadbeefbede000200000000ffffffffd5d5",
		"padding":      "a088123400000140deadbeefd5d5000003",
	} {
		got, err := Parse(unhex(t, wire))
		if err != nil || !bytes.Equal(got.Payload, want.Payload) || got.Timestamp != 320 || got.Type != 8 || !got.Marker || got.SSRC != want.SSRC {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, wire := range map[string]string{
		"empty": "", "short": "8088123400000140deadbe", "version 1": "4088123400000140deadbeefd5", "contributors missing": "8f88123400000140deadbeef",
		"extension cut": "9088123400000140deadbeefbede", "extension too long": "9088123400000140deadbeefbede0009", "padding of 0": "a088123400000140deadbeefd500",
		"padding too long": "a088123400000140deadbeefd5ff",
	} {
		if got, err := Parse(unhex(t, wire)); !errors.Is(err, ErrPacket) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x80\x08\x12\x34\x00\x00\x01\x40\xde\xad\xbe\xef\xd5"))
	f.Add([]byte("\xb1\x65\x12\x34\x00\x00\x01\x40\xde\xad\xbe\xef\x00\x00\x00\x01\xbe\xde\x00\x00\x05\x8a\x03\x20\x01"))
	var keys Keys
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			return
		}
		again, err := Parse(p.Append(nil))
		if err != nil || !bytes.Equal(again.Payload, p.Payload) || again.Timestamp != p.Timestamp || again.Sequence != p.Sequence {
			t.Fatalf("%+v became %+v, %v", p, again, err)
		}
		keys.Press(&p)
		if e, ok := ParseEvent(p.Payload); ok {
			if back, ok := ParseEvent(e.Append(nil)); !ok || back != e {
				t.Fatalf("%+v became %+v", e, back)
			}
		}
	})
}

// TestKeys is RFC 4733 §5's example in small: each press counts once, whatever
// is repeated, lost or late.
func TestKeys(t *testing.T) {
	var keys Keys
	var pressed []byte
	take := func(at uint32, payload string) {
		if key, ok := keys.Press(&Packet{Timestamp: at, Payload: unhex(t, payload)}); ok {
			pressed = append(pressed, key)
		}
	}
	for _, payload := range []string{"090a00a0", "090a0140", "098a0640", "098a0640", "098a0640"} {
		take(0, payload)
	}
	take(11200, "018a0640") // only the end came
	take(11200, "018a0640")
	take(20000, "0b0a00a0")
	take(30000, "10 0a00a0"[:2]+"0a00a0") // event 16 is no key
	take(30000, "0b0a")
	take(40000, "0a0a00a0")
	if string(pressed) != "91#*" {
		t.Errorf("pressed %q", pressed)
	}
}

// TestSenderKeepsTime: a packet every 20 ms, timestamps 160 apart, sequence by
// one, the marker at the beginning of speech only.
func TestSenderKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var packets []Packet
		s := NewSender(g711.ULaw, 7, 0xffff, 0xffffff00, time.Now, Frame, func(b []byte) error {
			if want := time.Duration(len(packets)) * Frame; time.Since(began) != want {
				t.Errorf("packet %d left after %v", len(packets), time.Since(began))
			}
			p, err := Parse(bytes.Clone(b))
			packets = append(packets, p)
			return errors.Join(err, errors.New("lost"))
		})
		s.Speak(t.Context(), make([]int16, 3*PerFrame+1))
		if s.Listen(t.Context(), nil, 2*Frame) {
			t.Error("a key was heard")
		}
		s.Speak(t.Context(), make([]int16, PerFrame))
		if len(packets) != 7 || time.Since(began) != 7*Frame {
			t.Fatalf("%d packets in %v", len(packets), time.Since(began))
		}
		sequence, timestamp := uint16(0xffff), uint32(0xffffff00)
		for i, p := range packets {
			if p.Sequence != sequence || p.Timestamp != timestamp || p.Marker != (i == 0 || i == 6) || p.SSRC != 7 || p.Type != 0 || len(p.Payload) != 160 {
				t.Errorf("packet %d: %+v", i, p)
			}
			sequence++
			timestamp += 160
		}
	})
}

// TestSenderHeldUp: a machine that stood still for a second does not send fifty
// packets at once.
func TestSenderHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent, began, burst := 0, time.Now(), map[time.Duration]int{}
		s := NewSender(g711.ALaw, 7, 1, 1, time.Now, Frame, func([]byte) error {
			if sent++; sent == 2 {
				time.Sleep(time.Second)
			}
			burst[time.Since(began)]++
			return nil
		})
		s.Speak(t.Context(), make([]int16, 20*PerFrame))
		if sent != 20 {
			t.Errorf("%d packets", sent)
		}
		for at, n := range burst {
			if n > mostLate+1 {
				t.Errorf("%d packets at %v", n, at)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*Frame)
		defer cancel()
		sent = 10
		s.Listen(ctx, nil, time.Hour)
		pressed := make(chan struct{}, 1)
		pressed <- struct{}{}
		if !s.Listen(t.Context(), pressed, time.Hour) {
			t.Error("a key is not heard")
		}
		if n := sent - 10; n < 3 || n > 6 {
			t.Errorf("%d packets before the end of ctx", n)
		}
	})
}
