package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/go-jose/go-jose/v4"
)

// Signer signs with one private key.
type Signer struct {
	public jose.JSONWebKey
	signer func(typ string) (jose.Signer, error)
}

// NewSigner returns a signer for an RSA (RS256), P-256 (ES256) or Ed25519
// (EdDSA) key. An empty kid stands for the key's thumbprint (RFC 7638).
func NewSigner(kid string, key crypto.Signer) (*Signer, error) {
	alg, err := algorithmFor(key)
	if err != nil {
		return nil, err
	}
	public := jose.JSONWebKey{Key: key.Public(), KeyID: kid, Algorithm: string(alg), Use: "sig"}
	if kid == "" {
		sum, err := public.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, err
		}
		public.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	}
	if len(algorithmsOf(public)) == 0 {
		return nil, errors.New("a key of a size that is not taken")
	}
	with := jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: jose.JSONWebKey{Key: key, KeyID: public.KeyID}}
	return &Signer{public: public, signer: func(typ string) (jose.Signer, error) {
		return jose.NewSigner(with, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	}}, nil
}

func algorithmFor(key crypto.Signer) (Algorithm, error) {
	switch key.(type) {
	case *rsa.PrivateKey:
		return RS256, nil
	case *ecdsa.PrivateKey:
		return ES256, nil
	case ed25519.PrivateKey:
		return EdDSA, nil
	}
	return "", errors.New("a key of a kind that does not sign here")
}

// KeyID is the kid that tokens name.
func (s *Signer) KeyID() string { return s.public.KeyID }

// Algorithm is what it signs with.
func (s *Signer) Algorithm() Algorithm { return Algorithm(s.public.Algorithm) }

// Sign encodes claims as JSON and signs them. typ is the header's, such as JWT.
func (s *Signer) Sign(typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signer, err := s.signer(typ)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// PublicKeys is the set of the signers' public halves.
func PublicKeys(signers ...*Signer) KeySet {
	var set KeySet
	for _, s := range signers {
		set.keys = append(set.keys, s.public)
	}
	return set
}

// HalfHash is at_hash of an id token: the left half of the SHA-256 of an access
// token (OpenID Connect Core §3.1.3.6).
func HalfHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
