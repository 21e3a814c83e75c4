package jwt

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
)

// longestToken is more than any assertion needs, in bytes.
const longestToken = 16 << 10

// Rules are what a token must satisfy beside its signature. Zero members are
// not looked at, but for Algorithms and Audiences: without them nothing passes.
type Rules struct {
	Algorithms []Algorithm
	Types      []string // values of typ, in lower case; "" allows its absence. nil: every value
	Issuer     string
	Subject    string
	Audiences  []string      // the token must name one of them
	MostAhead  time.Duration // how far exp may lie ahead of now
	MostLife   time.Duration // exp − iat, where it says iat
	WantIssued bool          // iat is required
	WantID     bool          // jti is required
	Skew       time.Duration // how wrong the other clock may be, for iat and nbf; exp is exact
}

// Claims are what a verified token says.
type Claims struct {
	Issuer    string
	Subject   string
	Audience  []string
	ID        string
	Expires   time.Time
	IssuedAt  time.Time // zero when it does not say
	NotBefore time.Time

	all map[string]json.RawMessage
}

// Text is a claim that is a string; false for every other.
func (c Claims) Text(name string) (string, bool) {
	var text *string
	if json.Unmarshal(c.all[name], &text) != nil || text == nil {
		return "", false
	}
	return *text, true
}

// Has tells whether the claim is there at all.
func (c Claims) Has(name string) bool { return c.all[name] != nil }

// Errors of Verify. They say what is wrong with a token and quote nothing of it.
var (
	ErrForm      = errors.New("not a signed token in compact form")
	ErrHeader    = errors.New("a header that is not taken: key references, crit")
	ErrAlgorithm = errors.New("an algorithm that is not taken, or does not fit the key")
	ErrKey       = errors.New("an unknown kid")
	ErrType      = errors.New("another typ")
	ErrSignature = errors.New("a wrong signature")
	ErrClaims    = errors.New("claims that can not be read")
	ErrIssuer    = errors.New("another iss")
	ErrSubject   = errors.New("another sub")
	ErrAudience  = errors.New("another aud")
	ErrExpired   = errors.New("expired")
	ErrNotYet    = errors.New("not valid yet, or issued in the future")
	ErrNotIssued = errors.New("no iat")
	ErrLife      = errors.New("it lives too long")
	ErrNoID      = errors.New("no jti")
)

// Verify reads a token in compact form, checks its signature with the key of
// its kid, and its claims. now is whole as the caller's clock is.
func Verify(token string, keys KeySet, rules Rules, now time.Time) (Claims, error) {
	if len(token) > longestToken || strings.Count(token, ".") != 2 || strings.ContainsFunc(token, notCompact) {
		return Claims{}, ErrForm
	}
	head, err := readHeader(token)
	if err != nil {
		return Claims{}, err
	}
	if !slices.Contains(rules.Algorithms, head.alg) {
		return Claims{}, ErrAlgorithm
	}
	key, known := keys.find(head.kid)
	if !known {
		return Claims{}, ErrKey
	}
	if !slices.Contains(algorithmsOf(key), head.alg) {
		return Claims{}, ErrAlgorithm
	}
	if rules.Types != nil && !slices.Contains(rules.Types, head.typ) {
		return Claims{}, ErrType
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(head.alg)})
	if err != nil {
		return Claims{}, ErrForm
	}
	payload, err := signed.Verify(key.Key)
	if err != nil {
		return Claims{}, ErrSignature
	}
	claims, err := readClaims(payload)
	if err != nil {
		return Claims{}, err
	}
	return claims, rules.check(claims, now)
}

// notCompact finds what is neither base64url nor a dot: decoders skip line ends.
func notCompact(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// PeekIssuer is the iss of a token that nobody has verified: whose keys to look
// for. It says nothing about who made the token.
func PeekIssuer(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	encoded, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if len(token) > longestToken || err != nil {
		return ""
	}
	claims, err := readClaims(raw)
	if err != nil {
		return ""
	}
	return claims.Issuer
}

type header struct {
	alg      Algorithm
	kid, typ string
}

// refusedHeaders point to keys, or change what is signed (RFC 7515 §4.1).
var refusedHeaders = []string{"jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip", "enc"}

func readHeader(token string) (header, error) {
	encoded, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return header{}, ErrForm
	}
	var members map[string]json.RawMessage
	if !utf8.Valid(raw) || json.Unmarshal(raw, &members) != nil || members == nil {
		return header{}, ErrForm
	}
	for _, name := range refusedHeaders {
		if members[name] != nil {
			return header{}, ErrHeader
		}
	}
	of := Claims{all: members}
	alg, _ := of.Text("alg")
	kid, _ := of.Text("kid")
	typ, isText := of.Text("typ")
	if of.Has("typ") && !isText {
		return header{}, ErrType
	}
	return header{alg: Algorithm(alg), kid: kid, typ: strings.ToLower(typ)}, nil
}

func readClaims(payload []byte) (Claims, error) {
	c := Claims{}
	if !utf8.Valid(payload) || json.Unmarshal(payload, &c.all) != nil || c.all == nil {
		return Claims{}, ErrClaims
	}
	ok := c.text("iss", &c.Issuer) && c.text("sub", &c.Subject) && c.text("jti", &c.ID) && c.audience() &&
		c.instant("exp", &c.Expires) && c.instant("iat", &c.IssuedAt) && c.instant("nbf", &c.NotBefore)
	if !ok {
		return Claims{}, ErrClaims
	}
	return c, nil
}

// text reads an optional string; false when it is something else.
func (c *Claims) text(name string, to *string) bool {
	if !c.Has(name) {
		return true
	}
	text, ok := c.Text(name)
	*to = text
	return ok
}

// audience is one string or a list of them (RFC 7519 §4.1.3).
func (c *Claims) audience() bool {
	if !c.Has("aud") {
		return true
	}
	if one, ok := c.Text("aud"); ok {
		c.Audience = []string{one}
		return true
	}
	return json.Unmarshal(c.all["aud"], &c.Audience) == nil && len(c.Audience) > 0
}

// latest is the last second that a claim may name: the year 9999.
const latest = 253402300799

// instant reads a NumericDate. A fraction is cut off; exponents are refused, as
// no issuer writes them and they hide the size.
func (c *Claims) instant(name string, to *time.Time) bool {
	if !c.Has(name) {
		return true
	}
	whole, fraction, _ := strings.Cut(string(c.all[name]), ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds < 0 || seconds > latest || strings.ContainsAny(fraction, "eE") {
		return false
	}
	*to = time.Unix(seconds, 0)
	return true
}

func (r Rules) check(c Claims, now time.Time) error {
	switch {
	case r.Issuer != "" && c.Issuer != r.Issuer:
		return ErrIssuer
	case r.Subject != "" && c.Subject != r.Subject:
		return ErrSubject
	case !slices.ContainsFunc(c.Audience, func(aud string) bool { return slices.Contains(r.Audiences, aud) }):
		return ErrAudience
	case c.Expires.IsZero() || !now.Before(c.Expires):
		return ErrExpired
	case c.IssuedAt.After(now.Add(r.Skew)) || c.NotBefore.After(now.Add(r.Skew)):
		return ErrNotYet
	case r.MostAhead > 0 && c.Expires.Sub(now) > r.MostAhead:
		return ErrLife
	case r.WantIssued && c.IssuedAt.IsZero():
		return ErrNotIssued
	case r.MostLife > 0 && !c.IssuedAt.IsZero() && c.Expires.Sub(c.IssuedAt) > r.MostLife:
		return ErrLife
	case r.WantID && c.ID == "":
		return ErrNoID
	}
	return nil
}
