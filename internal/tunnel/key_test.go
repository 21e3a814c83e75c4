package tunnel

import (
	"bytes"
	"encoding/base64"
	"testing"
	"testing/iotest"

	"yanma.dev/yanma/internal/core"
)

// contracts/yunbox.md §8: the bytes 00 to 1f, clamped, and their public key.
func TestX25519Vector(t *testing.T) {
	var private [keySize]byte
	for i := range private {
		private[i] = byte(i)
	}
	clamp(&private)
	if got, want := base64.StdEncoding.EncodeToString(private[:]), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8="; got != want {
		t.Errorf("private %s, want %s", got, want)
	}
	public, err := publicKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := base64.StdEncoding.EncodeToString(public[:]), "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8="; got != want {
		t.Errorf("public %s, want %s", got, want)
	}
}

func TestNewKeys(t *testing.T) {
	random := bytes.Repeat([]byte{0xff}, keySize)
	random = append(random, bytes.Repeat([]byte{0xaa}, keySize)...)
	k, err := newKeys(bytes.NewReader(random))
	if err != nil {
		t.Fatal(err)
	}
	if k.private[0] != 0xf8 || k.private[31] != 0x7f {
		t.Errorf("not clamped: %x … %x", k.private[0], k.private[31])
	}
	if !bytes.Equal(k.preshared[:], random[keySize:]) {
		t.Error("the preshared key is not the second 32 random bytes")
	}
	for n := range 2 * keySize {
		if _, err := newKeys(iotest.OneByteReader(bytes.NewReader(random[:n]))); err == nil {
			t.Fatalf("keys out of %d random bytes", n)
		}
	}
}

func TestSealedFieldsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, id := range []core.DeviceID{1, 2, 12} {
		for _, f := range []string{privateField(id), presharedField(id)} {
			if seen[f] {
				t.Errorf("%q names two fields", f)
			}
			seen[f] = true
		}
	}
}
