package oauth

import (
	"context"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // a mask of OAEP, see openOAEP
	_ "crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
)

// Bounds of X-signature (contracts/oneaccess.md §4).
const (
	longestSignature = 2048 // characters: a key of 8192 bits and room
	longestNonce     = 64
	timestampDigits  = 13
	timestampSkew    = 5 * time.Minute
)

// Signature is what an X-signature header says: which session calls, when, and
// a nonce that the caller still has to take.
type Signature struct {
	Token string
	Nonce string
	At    time.Time
}

// PublicPEM is the public half of an app's current key, with which callers
// encrypt X-signature: PEM of its SPKI (contracts/oneaccess.md §3).
func (k *Keys) PublicPEM(ctx context.Context, app core.AppID) (string, error) {
	key, err := k.current(ctx, app)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(key.private.Public())
	if err != nil {
		return "", fmt.Errorf("write a public key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// OpenSignature decrypts an X-signature with the app's current key or another
// that is still published, and checks its form and time. KindUnauthenticated with
// the field X-signature for what can not be read, all reasons alike; with the
// field timestamp for one that is no time, or not of now.
func (k *Keys) OpenSignature(ctx context.Context, app core.AppID, header string) (Signature, error) {
	sealed, err := decodeSignature(header)
	if err != nil {
		return Signature{}, err
	}
	set, err := k.set(ctx, app)
	if err != nil {
		return Signature{}, err
	}
	for _, key := range slices.Backward(set.keys) {
		private, ok := key.private.(*rsa.PrivateKey)
		if !ok || private.Size() != len(sealed) {
			continue
		}
		if plain, ok := openOAEP(private, sealed); ok {
			return readSignature(string(plain), k.now())
		}
	}
	return Signature{}, errSignature("not decryptable")
}

func errSignature(detail string) error {
	err := core.Field(core.KindUnauthenticated, "X-signature")
	err.Detail = detail
	return err
}

// decodeSignature reads Base64 of either alphabet, padded or not.
func decodeSignature(header string) ([]byte, error) {
	text := strings.TrimRight(header, "=")
	if len(header) > longestSignature || len(header)-len(text) > 2 || strings.ContainsAny(text, "\r\n") {
		return nil, errSignature("not Base64")
	}
	sealed, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(text))
	if err != nil {
		return nil, errSignature("not Base64")
	}
	return sealed, nil
}

// openOAEP decrypts OAEP with SHA-256. The Java name of the padding means a mask
// of SHA-256 in one provider and of SHA-1 in another; as a mask SHA-1 is not
// broken.
func openOAEP(key *rsa.PrivateKey, sealed []byte) ([]byte, bool) {
	for _, mask := range [...]crypto.Hash{crypto.SHA256, crypto.SHA1} {
		if plain, err := key.Decrypt(nil, sealed, &rsa.OAEPOptions{Hash: crypto.SHA256, MGFHash: mask}); err == nil {
			return plain, true
		}
	}
	return nil, false
}

// readSignature reads session_token=…&timestamp=…&nonce=… in any order. Other
// members are ignored; one that stands there twice has no meaning.
func readSignature(plain string, now time.Time) (Signature, error) {
	members := map[string]string{}
	for member := range strings.SplitSeq(plain, "&") {
		name, value, _ := strings.Cut(member, "=")
		if _, twice := members[name]; twice {
			return Signature{}, errSignature("a member twice")
		}
		members[name] = value
	}
	s := Signature{Token: members["session_token"], Nonce: members["nonce"]}
	stamp, stamped := members["timestamp"]
	if s.Token == "" || s.Nonce == "" || len(s.Nonce) > longestNonce || !stamped {
		return Signature{}, errSignature("a member is missing, or too long")
	}
	millis, err := strconv.ParseUint(stamp, 10, 63)
	if err != nil || len(stamp) != timestampDigits {
		return Signature{}, core.Field(core.KindUnauthenticated, "timestamp")
	}
	s.At = time.UnixMilli(int64(millis))
	if now.Sub(s.At).Abs() > timestampSkew {
		return Signature{}, core.Field(core.KindUnauthenticated, "timestamp")
	}
	return s, nil
}
