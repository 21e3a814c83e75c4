package pdu

import (
	"strings"
	"testing"
)

func TestDecodeText(t *testing.T) {
	for _, test := range []struct {
		format byte
		octets string
		want   string
	}{
		{FormatASCII, "Your code is 123456", "Your code is 123456"},
		{FormatUCS2, "\x9a\x8c\x78\x01\xd8\x3d\xde\x00", "验码😀"},
		{FormatGBK, "\xd1\xe9\xc2\xeb123", "验码123"},
		{FormatGBK, "\xd1", "\ufffd"},
		{FormatBinary, "caf\xe9", "café"},
		{99, "R", "R"},
		{FormatGBK, "", ""},
	} {
		if got := DecodeText(test.format, []byte(test.octets)); got != test.want {
			t.Errorf("format %d: %q, want %q", test.format, got, test.want)
		}
	}
	if octets, ok := EncodeGBK("验码123"); !ok || octets != "\xd1\xe9\xc2\xeb123" {
		t.Errorf("% x, %v", octets, ok)
	}
	if _, ok := EncodeGBK("😀"); ok {
		t.Error("GBK has no emoji")
	}
}

// FuzzText: texts in GBK come back as they were, whole and cut into contents of
// any size; any octets decode to something.
func FuzzText(f *testing.F) {
	f.Add("【验码】您的验证码是123456", byte(8), byte(134))
	f.Add("a€验b😀", byte(15), byte(2))
	f.Add("\xff\x80\x81", byte(0), byte(3))
	f.Fuzz(func(t *testing.T, s string, format, size byte) {
		DecodeText(format, []byte(s))
		octets, ok := EncodeGBK(s)
		if !ok || strings.ContainsRune(s, '\ufffd') || strings.ToValidUTF8(s, "") != s {
			return
		}
		if got := DecodeText(FormatGBK, []byte(octets)); got != s {
			t.Fatalf("%q came back as %q", s, got)
		}
		var whole strings.Builder
		for rest := octets; rest != ""; {
			n := GBKEnd(rest, max(int(size), 2))
			if n < 1 || n > max(int(size), 2) {
				t.Fatalf("a part of %d octets, at most %d", n, size)
			}
			whole.WriteString(DecodeText(FormatGBK, []byte(rest[:n])))
			rest = rest[n:]
		}
		if whole.String() != s {
			t.Fatalf("%q in parts came back as %q", s, whole.String())
		}
	})
}
