package tenant

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"regexp"
	"testing"
)

func TestNewKeySyntax(t *testing.T) {
	syntax := regexp.MustCompile(`\A[A-Za-z0-9]{32}\z`) // contracts/yunbox.md §1
	random := rand.NewChaCha8([32]byte{1})
	for range 1000 {
		key, err := newKey(random)
		if err != nil || !syntax.MatchString(key.Reveal()) {
			t.Fatalf("key %q, %v", key.Reveal(), err)
		}
	}
}

// 62 letters over 640,000 characters: χ² with 61 degrees of freedom is below
// 105 with p > 0.0004.
func TestNewKeyIsUniform(t *testing.T) {
	random := rand.NewChaCha8([32]byte{2})
	const keys = 20_000
	var counts [256]int
	for range keys {
		key, err := newKey(random)
		must(t, err)
		for _, c := range []byte(key.Reveal()) {
			counts[c]++
		}
	}
	want := float64(keys*32) / 62
	chi := 0.0
	for _, c := range []byte(keyAlphabet) {
		d := float64(counts[c]) - want
		chi += d * d / want
	}
	if chi > 105 {
		t.Errorf("χ² = %.1f over 61 degrees of freedom", chi)
	}
}

// Bytes of 248 and more would favour the first letters: they are not used.
func TestNewKeySkipsUnevenBytes(t *testing.T) {
	random := io.MultiReader(bytes.NewReader(bytes.Repeat([]byte{0xff}, 64)), bytes.NewReader(bytes.Repeat([]byte{61}, 64)))
	key, err := newKey(random)
	if err != nil || key.Reveal() != "99999999999999999999999999999999" {
		t.Errorf("key = %q, %v", key.Reveal(), err)
	}
}

func TestNewKeyFailsWithoutRandomness(t *testing.T) {
	if key, err := newKey(bytes.NewReader(make([]byte, 63))); !errors.Is(err, io.ErrUnexpectedEOF) || !key.IsZero() {
		t.Errorf("key = %v, error = %v", key, err)
	}
}

func TestImportableKeys(t *testing.T) {
	long := string(bytes.Repeat([]byte("k"), 128))
	for key, want := range map[string]bool{
		"12345678": true, "1234567": false, long: true, long + "k": false, "!~abcdef": true,
		"with blank": false, "tab\tinside": false, "密钥密钥密钥密钥": false, "null\x00inside": false, "": false,
	} {
		if got := isImportableKey(key); got != want {
			t.Errorf("isImportableKey(%q) = %v", key, got)
		}
	}
}
