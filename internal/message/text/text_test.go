package text

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// extensionChars are contracts/delivery.md §7's list.
const extensionChars = "^{}\\[~]|€\f"

func TestChoose(t *testing.T) {
	for _, test := range []struct {
		text  string
		force bool
		want  Alphabet
	}{
		{"", false, GSM7},
		{"Your code is 123456.", false, GSM7},
		{"äöñüà ÆØÅ @£$¥ ΔΦΓΛΩΠΨΣΘΞ", false, GSM7},
		{extensionChars, false, GSM7},
		{"Your code is 123456.", true, UCS2},
		{"`", false, UCS2}, // the backtick is not in GSM-7
		{"\x1b", false, UCS2},
		{"ç", false, UCS2},
		{"验", false, UCS2},
		{"😀", false, UCS2},
	} {
		if got := Choose(test.text, test.force); got != test.want {
			t.Errorf("Choose(%q, %v) = %v, want %v", test.text, test.force, got, test.want)
		}
	}
}

func TestEncodeGSM7(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"hello", "68656c6c6f"},
		{"@", "00"},
		{"€", "1b65"},
		{"[a]", "1b3c611b3e"},
		{"\f", "1b0a"},
		{"_à", "117f"},
	} {
		got, ok := EncodeGSM7(test.text)
		if !ok || hex.EncodeToString(got) != test.want {
			t.Errorf("EncodeGSM7(%q) = %x, %v, want %s", test.text, got, ok, test.want)
		}
		if back := DecodeGSM7(got); back != test.text {
			t.Errorf("DecodeGSM7(%x) = %q, want %q", got, back, test.text)
		}
	}
	if _, ok := EncodeGSM7("验"); ok {
		t.Error("验 was encoded")
	}
}

// TestPack has the vector of contracts/delivery.md §7.
func TestPack(t *testing.T) {
	septets, _ := EncodeGSM7("hello")
	packed := Pack(septets)
	if hex.EncodeToString(packed) != "e8329bfd06" {
		t.Errorf("Pack(hello) = %x", packed)
	}
	if back := Unpack(packed, 5); !bytes.Equal(back, septets) {
		t.Errorf("Unpack = %x", back)
	}
}

func TestUnpackNeverInvents(t *testing.T) {
	if got := Unpack([]byte{0xe8}, 100); len(got) != 1 {
		t.Errorf("one octet holds %d septets", len(got))
	}
	if got := Unpack(nil, 5); len(got) != 0 {
		t.Errorf("nothing holds %d septets", len(got))
	}
}

// TestReq38_SegmentLimits walks the limits of contracts/delivery.md §7.
func TestReq38_SegmentLimits(t *testing.T) {
	for _, test := range []struct {
		name  string
		text  string
		force bool
		want  []int // units of each part
	}{
		{"empty", "", false, []int{0}},
		{"160 septets", strings.Repeat("a", 160), false, []int{160}},
		{"161 septets", strings.Repeat("a", 161), false, []int{153, 8}},
		{"306 septets", strings.Repeat("a", 306), false, []int{153, 153}},
		{"80 euro signs", strings.Repeat("€", 80), false, []int{160}},
		{"81 euro signs", strings.Repeat("€", 81), false, []int{152, 10}},
		{"70 units", strings.Repeat("验", 70), false, []int{70}},
		{"71 units", strings.Repeat("验", 71), false, []int{67, 4}},
		{"134 units", strings.Repeat("验", 134), false, []int{67, 67}},
		{"135 units", strings.Repeat("验", 135), false, []int{67, 67, 1}},
		{"201 units", strings.Repeat("验", 201), false, []int{67, 67, 67}},
		{"202 units", strings.Repeat("验", 202), false, []int{67, 67, 67, 1}},
		{"268 units", strings.Repeat("验", 268), false, []int{67, 67, 67, 67}},
		{"269 units", strings.Repeat("验", 269), false, []int{67, 67, 67, 67, 1}},
		{"35 pairs", strings.Repeat("😀", 35), false, []int{70}},
		{"36 pairs", strings.Repeat("😀", 36), false, []int{66, 6}},
		{"forced", strings.Repeat("a", 71), true, []int{67, 4}},
	} {
		a, parts := Segments(test.text, test.force)
		if Count(test.text, test.force) != len(test.want) || len(parts) != len(test.want) {
			t.Errorf("%s: %d parts, Count %d, want %d", test.name, len(parts), Count(test.text, test.force), len(test.want))
			continue
		}
		for i := range parts {
			if got := a.Units(parts[i]); got != test.want[i] {
				t.Errorf("%s: part %d has %d units, want %d", test.name, i+1, got, test.want[i])
			}
		}
	}
}

// TestReq38_SeventyOneCharacters is contracts/delivery.md §7's test: 140 and 14
// octets with header, reference 0x39.
func TestReq38_SeventyOneCharacters(t *testing.T) {
	a, parts := Segments(strings.Repeat("验", 71), false)
	first := a.Append(AppendHeader(nil, 0x39, 2, 1), parts[0])
	second := a.Append(AppendHeader(nil, 0x39, 2, 2), parts[1])
	if len(first) != 140 || len(second) != 14 {
		t.Errorf("%d and %d octets", len(first), len(second))
	}
	if !bytes.HasPrefix(first, []byte{5, 0, 3, 0x39, 2, 1}) {
		t.Errorf("header % x", first[:HeaderLen])
	}
}

// TestReq38_SegmentsReassemble is contracts/delivery.md §9 row 6: texts of 1 to
// 1000 characters come back from their octets, in any order of the segments.
func TestReq38_SegmentsReassemble(t *testing.T) {
	gsmChars := []rune(strings.ReplaceAll(basicAlphabet, "\x1b", "") + extensionChars + extensionChars)
	anyChars := append([]rune("验证码【】😀𠮷🀄 aZ9"), gsmChars...)
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.SampledFrom([][]rune{gsmChars, anyChars}).Draw(t, "characters")
		original := string(rapid.SliceOfN(rapid.SampledFrom(from), 1, 1000).Draw(t, "text"))
		force := rapid.Bool().Draw(t, "force")
		a, parts := Segments(original, force)
		limit := a.Single()
		if len(parts) > 1 {
			limit = a.Segment()
		}
		if len(parts) != Count(original, force) || len(parts) > MaxSegments {
			t.Fatalf("%d parts, Count %d", len(parts), Count(original, force))
		}
		var frames [][]byte
		for i, part := range parts {
			if a.Units(part) > limit || !utf8.ValidString(part) {
				t.Fatalf("part %d: %d units, %q", i+1, a.Units(part), part)
			}
			frames = append(frames, a.Append(AppendHeader(nil, 7, byte(len(parts)), byte(i+1)), part))
		}
		r := NewReassembler(10, time.Minute)
		now := time.Unix(1, 0)
		for i, at := range rapid.Permutation(frames).Draw(t, "order") {
			p, body, ok := ParseHeader(at)
			if !ok {
				t.Fatalf("ParseHeader(% x)", at)
			}
			whole, complete := r.Add("a", "b", p, a.Decode(body), now)
			if complete != (i == len(frames)-1) || complete && whole != original {
				t.Fatalf("after %d of %d: complete %v, %q, want %q", i+1, len(frames), complete, whole, original)
			}
		}
		if r.Open() != 0 {
			t.Fatalf("%d left open", r.Open())
		}
	})
}

func TestReassemblerIsBounded(t *testing.T) {
	r := NewReassembler(3, time.Minute)
	now := time.Unix(1000, 0)
	for ref := range uint16(10) {
		r.Add("a", "b", Part{Ref: ref, Count: 2, Number: 1}, "x", now.Add(time.Duration(ref)*time.Second))
	}
	if r.Open() != 3 {
		t.Errorf("%d open, limit 3", r.Open())
	}
	later := now.Add(9 * time.Second)
	if whole, ok := r.Add("a", "b", Part{Ref: 9, Count: 2, Number: 2}, "y", later); !ok || whole != "xy" {
		t.Errorf("the newest was forgotten: %q, %v", whole, ok)
	}
	if _, ok := r.Add("a", "b", Part{Ref: 0, Count: 2, Number: 2}, "y", later); ok {
		t.Error("the oldest was kept")
	}
	if _, ok := r.Add("a", "b", Part{Ref: 8, Count: 2, Number: 2}, "y", later.Add(time.Hour)); ok {
		t.Error("a segment past its life was used")
	}
}

func TestReassemblerIgnoresRepeats(t *testing.T) {
	r := NewReassembler(3, time.Minute)
	now := time.Unix(1000, 0)
	r.Add("a", "b", Part{Ref: 1, Count: 2, Number: 1}, "x", now)
	if _, ok := r.Add("a", "b", Part{Ref: 1, Count: 2, Number: 1}, "z", now); ok {
		t.Error("a repeated segment completed the message")
	}
	if whole, ok := r.Add("a", "b", Part{Ref: 1, Count: 2, Number: 2}, "y", now); !ok || whole != "xy" {
		t.Errorf("got %q, %v", whole, ok)
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	for _, octets := range []string{"", "05", "0500039f0201"[:10], "02000301", "050003390203", "050003390200", "0500033900ff"} {
		b, _ := hex.DecodeString(octets)
		if p, _, ok := ParseHeader(b); ok {
			t.Errorf("%s was read as %+v", octets, p)
		}
	}
	p, body, ok := ParseHeader([]byte{6, 8, 4, 1, 2, 3, 2, 'x'})
	if !ok || p != (Part{Ref: 0x102, Count: 3, Number: 2}) || string(body) != "x" {
		t.Errorf("16-bit reference: %+v, %q, %v", p, body, ok)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x1b, 0x65, 0x1b}, byte(6))
	f.Add([]byte{0xd8, 0x3d, 0xde, 0x00, 0xd8}, byte(3))
	f.Add([]byte{5, 0, 3, 0x39, 2, 1, 'a'}, byte(1))
	f.Fuzz(func(t *testing.T, octets []byte, n byte) {
		for _, a := range []Alphabet{GSM7, UCS2} {
			s := a.Decode(octets)
			if !utf8.ValidString(s) {
				t.Fatalf("%v: %q is not UTF-8", a, s)
			}
			if Choose(s, a == UCS2) == a && a.Decode(a.Append(nil, s)) != s {
				t.Fatalf("%v: %q does not come back", a, s)
			}
		}
		if len(Unpack(octets, int(n))) > int(n) {
			t.Fatal("more septets than asked for")
		}
		if p, body, ok := ParseHeader(octets); ok && (len(body) > len(octets) || p.Number > p.Count) {
			t.Fatalf("%+v", p)
		}
		DecodeLatin1(octets)
	})
}
