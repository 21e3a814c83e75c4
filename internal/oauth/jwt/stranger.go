package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"math/big"

	"github.com/go-jose/go-jose/v4"
)

// Strangers are keys that verify nothing: a token of somebody unknown is held to
// them, so that it takes as long as one of somebody known
// (contracts/README.md §3.3). Make them once.
type Strangers struct{ rsa, ec, ed any }

// NewStrangers returns a public key of each kind that nobody has the other half
// of: a modulus out of a hash, and the base points of the curves.
func NewStrangers() *Strangers {
	var raw []byte
	for i := range byte(8) {
		sum := sha256.Sum256([]byte{'y', 'a', 'n', 'm', 'a', i})
		raw = append(raw, sum[:]...)
	}
	raw[0], raw[len(raw)-1] = raw[0]|0x80, raw[len(raw)-1]|1
	base := elliptic.P256().Params()
	uncompressed := append([]byte{4}, append(base.Gx.FillBytes(make([]byte, 32)), base.Gy.FillBytes(make([]byte, 32))...)...)
	curve, _ := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), uncompressed)                      // a point of the curve
	point, _ := hex.DecodeString("5866666666666666666666666666666666666666666666666666666666666666") // RFC 8032 §5.1: B
	return &Strangers{rsa: &rsa.PublicKey{N: new(big.Int).SetBytes(raw), E: 65537},
		ec: curve, ed: ed25519.PublicKey(point)}
}

// For are the keys that a token asks for, by its kid and its algorithm.
func (s *Strangers) For(token string) KeySet {
	head, err := readHeader(token)
	if err != nil {
		return KeySet{}
	}
	key := s.rsa
	switch head.alg {
	case ES256:
		key = s.ec
	case EdDSA:
		key = s.ed
	case RS256, PS256:
	}
	return KeySet{keys: []jose.JSONWebKey{{KeyID: head.kid, Key: key}}}
}
