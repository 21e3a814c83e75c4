package core

import (
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
)

// The vectors of contracts/yunbox.md §1.1.
var id128Vectors = []struct{ hex, text string }{
	{"00000000000000000000000000000000", "00000000000000000000000000"},
	{"ffffffffffffffffffffffffffffffff", "7zzzzzzzzzzzzzzzzzzzzzzzzz"},
	{"000102030405060708090a0b0c0d0e0f", "00041061050r3gg28a1c60t3gf"},
	{"0123456789abcdeffedcba9876543210", "014d2pf2dbsqqzxq5tk1v58cgg"},
}

func TestID128Vectors(t *testing.T) {
	for _, v := range id128Vectors {
		raw, err := hex.DecodeString(v.hex)
		if err != nil {
			t.Fatal(err)
		}
		b := [16]byte(raw)
		if got := EncodeID128(b); got != v.text {
			t.Errorf("EncodeID128(%s) = %s, want %s", v.hex, got, v.text)
		}
		if got, ok := DecodeID128(v.text); !ok || got != b {
			t.Errorf("DecodeID128(%s) = %x, %v, want %s", v.text, got, ok, v.hex)
		}
	}
}

func TestDecodeID128Refuses(t *testing.T) {
	const good = "014d2pf2dbsqqzxq5tk1v58cgg"
	for name, s := range map[string]string{
		"empty":             "",
		"short":             good[1:],
		"long":              good + "0",
		"over 128 bits":     "8" + good[1:],
		"letter first":      "a" + good[1:],
		"upper case":        strings.ToUpper(good),
		"one upper case":    "014D" + good[4:],
		"letter i":          "i" + good[1:],
		"letter l inside":   good[:5] + "l" + good[6:],
		"letter o inside":   good[:5] + "o" + good[6:],
		"letter u at end":   good[:25] + "u",
		"blank":             " " + good[1:],
		"line feed at end":  good[:25] + "\n",
		"full-width digit":  good[:23] + "０",
		"NUL":               good[:25] + "\x00",
		"below the digits":  "/" + good[1:],
		"invalid UTF-8":     good[:25] + "\xff",
		"with its prefix":   "yb" + good[2:],
		"hyphen in between": good[:12] + "-" + good[13:],
	} {
		if b, ok := DecodeID128(s); ok || b != [16]byte{} {
			t.Errorf("%s: DecodeID128(%q) = %x, %v, want refusal", name, s, b, ok)
		}
	}
}

// FuzzDecodeID128 holds the decoder to the contract's regular expression.
func FuzzDecodeID128(f *testing.F) {
	for _, v := range id128Vectors {
		f.Add(v.text)
	}
	f.Add("8zzzzzzzzzzzzzzzzzzzzzzzzz")
	f.Add("014D2PF2DBSQQZXQ5TK1V58CGG")
	syntax := regexp.MustCompile(`\A[0-7][0-9a-hjkmnp-tv-z]{25}\z`)
	f.Fuzz(func(t *testing.T, s string) {
		b, ok := DecodeID128(s)
		if want := syntax.MatchString(s); ok != want {
			t.Fatalf("DecodeID128(%q) ok = %v, the contract says %v", s, ok, want)
		}
		if ok && EncodeID128(b) != s {
			t.Fatalf("EncodeID128(DecodeID128(%q)) = %q", s, EncodeID128(b))
		}
	})
}

func BenchmarkEncodeID128(b *testing.B) {
	b.ReportAllocs()
	id := [16]byte{1, 2, 3}
	for b.Loop() {
		EncodeID128(id)
	}
}
