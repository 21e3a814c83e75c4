package altcha

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Algorithm is the only one that is used.
const Algorithm = "SHA-256"

// longestPayload bounds what Decode reads, in characters of Base64.
const longestPayload = 2048

// Challenge is what a widget is given, as it is sent.
type Challenge struct {
	Algorithm string `json:"algorithm"`
	Challenge string `json:"challenge"` // 64 lower hexadecimal digits
	MaxNumber int64  `json:"maxnumber"` // the number is not above it
	Salt      string `json:"salt"`
	Signature string `json:"signature"`
}

// Payload is what a widget sends back.
type Payload struct {
	Algorithm string
	Challenge string
	Number    int64
	Salt      string
	Signature string
}

// Salt is the text of a salt: random digits, when it ends, and whatever else the
// issuer has to know again.
func Salt(random string, expires time.Time, more url.Values) string {
	q := url.Values{"expires": {strconv.FormatInt(expires.Unix(), 10)}}
	for name, values := range more {
		q[name] = values
	}
	return random + "?" + q.Encode() + "&"
}

// Parameters are those of a salt; none for a salt that is not closed by "&".
func Parameters(salt string) url.Values {
	_, query, _ := strings.Cut(salt, "?")
	query, closed := strings.CutSuffix(query, "&")
	values, err := url.ParseQuery(query)
	if !closed || err != nil {
		return nil
	}
	return values
}

// Expires is when a salt ends; false where it does not say.
func Expires(salt string) (time.Time, bool) {
	seconds, err := strconv.ParseInt(Parameters(salt).Get("expires"), 10, 64)
	return time.Unix(seconds, 0), err == nil
}

// Hash is what a number has to be found for.
func Hash(salt string, number int64) string {
	sum := sha256.Sum256(strconv.AppendInt([]byte(salt), number, 10))
	return hex.EncodeToString(sum[:])
}

// Decode reads Base64 of {"algorithm","challenge","number","salt","signature"};
// other members are ignored. False for anything else.
func Decode(text string) (p Payload, ok bool) {
	if len(text) > longestPayload || strings.ContainsAny(text, "\r\n") {
		return Payload{}, false
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return Payload{}, false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return Payload{}, false
	}
	for name, value := range map[string]*string{"algorithm": &p.Algorithm, "challenge": &p.Challenge, "salt": &p.Salt, "signature": &p.Signature} {
		if member := members[name]; len(member) == 0 || member[0] != '"' || json.Unmarshal(member, value) != nil {
			return Payload{}, false
		}
	}
	p.Number, err = strconv.ParseInt(string(members["number"]), 10, 64)
	return p, err == nil && p.Number >= 0
}

// Encode is the inverse of Decode.
func (p Payload) Encode() string {
	raw, _ := json.Marshal(map[string]any{"algorithm": p.Algorithm, "challenge": p.Challenge, "number": p.Number, "salt": p.Salt, "signature": p.Signature})
	return base64.StdEncoding.EncodeToString(raw)
}

// Solved tells whether the number is the one that was asked for.
func (p Payload) Solved() bool {
	return p.Algorithm == Algorithm && subtle.ConstantTimeCompare([]byte(Hash(p.Salt, p.Number)), []byte(p.Challenge)) == 1
}

// Solve does the work, as a widget would. False when there is no such number, or
// ctx ended.
func Solve(ctx context.Context, c Challenge) (Payload, bool) {
	for n := int64(0); n <= c.MaxNumber; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return Payload{}, false
		}
		if Hash(c.Salt, n) == c.Challenge {
			return Payload{Algorithm: c.Algorithm, Challenge: c.Challenge, Number: n, Salt: c.Salt, Signature: c.Signature}, true
		}
	}
	return Payload{}, false
}
