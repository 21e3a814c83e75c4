package tunnel

import (
	"crypto/ecdh"
	"fmt"
	"io"
	"strconv"

	"yanma.dev/yanma/internal/core"
)

// keySize is the size in bytes of every WireGuard key.
const keySize = 32

// keys are what a new peer gets.
type keys struct {
	private   [keySize]byte // clamped
	public    [keySize]byte
	preshared [keySize]byte
}

// newKeys draws a peer's keys.
func newKeys(random io.Reader) (keys, error) {
	var k keys
	for _, part := range [][]byte{k.private[:], k.preshared[:]} {
		if _, err := io.ReadFull(random, part); err != nil {
			return keys{}, fmt.Errorf("tunnel: no random bytes: %w", err)
		}
	}
	clamp(&k.private)
	public, err := publicKey(k.private)
	if err != nil {
		return keys{}, err
	}
	k.public = public
	return k, nil
}

// clamp makes 32 random bytes an X25519 private key (RFC 7748 §5). Whoever
// multiplies does so anyway; WireGuard's tools store it clamped.
func clamp(private *[keySize]byte) {
	private[0] &= 248
	private[31] = private[31]&127 | 64
}

func publicKey(private [keySize]byte) (public [keySize]byte, err error) {
	key, err := ecdh.X25519().NewPrivateKey(private[:])
	if err != nil {
		return public, fmt.Errorf("tunnel: private key: %w", err)
	}
	copy(public[:], key.PublicKey().Bytes())
	return public, nil
}

// The sealed fields. A value is bound to its device: moved to another row it
// does not open.
func privateField(device core.DeviceID) string {
	return "tunnel_peer.private_key " + strconv.FormatInt(int64(device), 10)
}

func presharedField(device core.DeviceID) string {
	return "tunnel_peer.preshared_key " + strconv.FormatInt(int64(device), 10)
}
