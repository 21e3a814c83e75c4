package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// Algorithm is a signature algorithm by its JOSE name.
type Algorithm string

// The algorithms of contracts/camara.md §4.1. There is no other: neither none
// nor one with a shared secret.
const (
	RS256 Algorithm = "RS256"
	PS256 Algorithm = "PS256"
	ES256 Algorithm = "ES256"
	EdDSA Algorithm = "EdDSA"
)

// ClientAlgorithms are what clients may sign with.
func ClientAlgorithms() []Algorithm { return []Algorithm{RS256, PS256, ES256, EdDSA} }

// Bounds of a key set that a client registers.
const (
	mostKeys      = 16
	longestKeySet = 32 << 10
	longestKeyID  = 128
	fewestRSABits = 2048
	mostRSABits   = 8192 // verifying with more costs too much
)

// KeySet is public keys by their kid. The zero KeySet has none.
type KeySet struct {
	keys []jose.JSONWebKey
}

// ParseKeySet reads a JWKS (RFC 7517). Every key has a kid of its own, is
// public, and is of a kind that signs with one of the algorithms. The error is
// for who registers the keys.
func ParseKeySet(data []byte) (KeySet, error) {
	if len(data) > longestKeySet {
		return KeySet{}, fmt.Errorf("the key set is longer than %d bytes", longestKeySet)
	}
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return KeySet{}, errors.New(`not a key set: want {"keys":[…]}`)
	}
	if len(raw.Keys) == 0 || len(raw.Keys) > mostKeys {
		return KeySet{}, fmt.Errorf("want 1 to %d keys", mostKeys)
	}
	var set KeySet
	for i, text := range raw.Keys {
		key, err := parseKey(text)
		if err != nil {
			return KeySet{}, fmt.Errorf("key %d: %w", i+1, err)
		}
		if _, twice := set.find(key.KeyID); twice {
			return KeySet{}, fmt.Errorf("key %d: its kid stands there twice", i+1)
		}
		set.keys = append(set.keys, key)
	}
	return set, nil
}

func parseKey(text []byte) (jose.JSONWebKey, error) {
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(text); err != nil {
		return key, errors.New("it can not be read")
	}
	switch {
	case key.KeyID == "" || len(key.KeyID) > longestKeyID:
		return key, fmt.Errorf("want a kid of 1 to %d characters", longestKeyID)
	case key.Use != "" && key.Use != "sig":
		return key, errors.New("use: want sig")
	case !key.IsPublic():
		return key, errors.New("it is not public: register the public half only")
	case len(algorithmsOf(key)) == 0:
		return key, errors.New("want RSA of 2048 to 8192 bits, EC P-256 or Ed25519, and an alg that fits")
	}
	key.Certificates, key.CertificatesURL = nil, nil
	return key, nil
}

// algorithmsOf are the algorithms that a key may verify; its own alg narrows
// them. A key of one kind never verifies the signature of another.
func algorithmsOf(key jose.JSONWebKey) []Algorithm {
	var all []Algorithm
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits >= fewestRSABits && bits <= mostRSABits {
			all = []Algorithm{RS256, PS256}
		}
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			all = []Algorithm{ES256}
		}
	case ed25519.PublicKey:
		all = []Algorithm{EdDSA}
	}
	if key.Algorithm == "" {
		return all
	}
	if !slices.Contains(all, Algorithm(key.Algorithm)) {
		return nil
	}
	return []Algorithm{Algorithm(key.Algorithm)}
}

func (s KeySet) find(kid string) (jose.JSONWebKey, bool) {
	for _, key := range s.keys {
		if key.KeyID == kid {
			return key, true
		}
	}
	return jose.JSONWebKey{}, false
}

// Len is how many keys there are.
func (s KeySet) Len() int { return len(s.keys) }

// MarshalJSON writes the set as RFC 7517 has it.
func (s KeySet) MarshalJSON() ([]byte, error) {
	keys := s.keys
	if keys == nil {
		keys = []jose.JSONWebKey{}
	}
	return json.Marshal(jose.JSONWebKeySet{Keys: keys})
}
