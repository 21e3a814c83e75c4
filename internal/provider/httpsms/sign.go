package httpsms

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func hmacSHA256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// escaped is RFC 3986: a blank is %20, and only letters, digits and - _ . ~ stay.
func escaped(s string) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(url.QueryEscape(s))
}

// canonicalQuery is every parameter in the names' order, escaped.
func canonicalQuery(query url.Values) string {
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escaped(name) + "=" + escaped(query.Get(name)))
	}
	return b.String()
}

// beijing is the zone of carriers' times that name none.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// localTime reads "2006-01-02 15:04:05"; zero when it is not one.
func localTime(s string) time.Time {
	t, err := time.ParseInLocation(time.DateTime, s, beijing)
	if err != nil {
		return time.Time{}
	}
	return t
}

// unixSeconds reads seconds since 1970; zero when they are none.
func unixSeconds(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > 1<<34 {
		return time.Time{}
	}
	return time.Unix(n, 0)
}
