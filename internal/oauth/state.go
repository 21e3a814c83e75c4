package oauth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
)

// StateKeys give the secrets of state tokens, the newest first (keyring.Ring).
type StateKeys interface {
	TokenHashes(secret string) [][32]byte
}

// StateTokens name the second step of a login to its caller (contracts/
// oneaccess.md §5). What they name is the server's: who forged one would still
// have to guess its jti, about 190 bits.
type StateTokens struct {
	keys StateKeys
	now  func() time.Time
}

// NewStateTokens returns the tokens.
func NewStateTokens(keys StateKeys, now func() time.Time) *StateTokens {
	return &StateTokens{keys: keys, now: now}
}

// stateHeader is the one header that state tokens have: no other is looked into,
// so that none can name an algorithm or a key.
var stateHeader = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))

const (
	stateLife      = 300 // seconds
	mostStateToken = 1024
	stateKeyUse    = "oneaccess state token"
)

type stateClaims struct {
	ID       string `json:"jti"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	Audience string `json:"aud"`
}

// Issue signs a token that names a step to a client, for 300 s.
func (t *StateTokens) Issue(clientID, step string) (string, error) {
	now := t.now().Unix()
	claims, err := json.Marshal(stateClaims{ID: step, IssuedAt: now, Expires: now + stateLife, Audience: clientID})
	if err != nil {
		return "", err
	}
	signed := stateHeader + "." + base64.RawURLEncoding.EncodeToString(claims)
	key := t.keys.TokenHashes(stateKeyUse)[0]
	return signed + "." + base64.RawURLEncoding.EncodeToString(stateMAC(key, signed)), nil
}

// Open is the step that a client's token names. KindUnauthenticated with the
// field state_token for every token that Issue did not make for that client
// within its life.
func (t *StateTokens) Open(clientID, token string) (step string, err error) {
	refused := core.Field(core.KindUnauthenticated, "state_token")
	at := strings.LastIndexByte(token, '.')
	if at < 0 || len(token) > mostStateToken || strings.ContainsAny(token, "\r\n") { // a decoder would skip line ends
		return "", refused
	}
	body, ours := strings.CutPrefix(token[:at], stateHeader+".")
	mac, err := base64.RawURLEncoding.Strict().DecodeString(token[at+1:])
	if !ours || err != nil || !t.signed(token[:at], mac) {
		return "", refused
	}
	plain, err := base64.RawURLEncoding.DecodeString(body)
	var claims stateClaims
	if err != nil || json.Unmarshal(plain, &claims) != nil {
		return "", refused
	}
	now := t.now().Unix()
	if claims.Audience != clientID || claims.ID == "" || now >= claims.Expires || now < claims.IssuedAt-int64(clockSkew/time.Second) {
		return "", refused
	}
	return claims.ID, nil
}

// signed tells whether one of the keys signed a text.
func (t *StateTokens) signed(text string, mac []byte) bool {
	for _, key := range t.keys.TokenHashes(stateKeyUse) {
		if hmac.Equal(mac, stateMAC(key, text)) {
			return true
		}
	}
	return false
}

func stateMAC(key [32]byte, text string) []byte {
	m := hmac.New(sha256.New, key[:])
	m.Write([]byte(text))
	return m.Sum(nil)
}
