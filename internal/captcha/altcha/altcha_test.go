package altcha

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The vector is SHA-256("salt?expires=1700000000&" ‖ "42"), made with sha256sum.
func TestHashVector(t *testing.T) {
	const want = "0d99b2ba03e2c333650c604967c09b1612fe728206442bafa28bf68e2b9de7da"
	salt := Salt("salt", time.Unix(1_700_000_000, 0), nil)
	if salt != "salt?expires=1700000000&" {
		t.Errorf("salt %q", salt)
	}
	if got := Hash(salt, 42); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	c := Challenge{Algorithm: Algorithm, Challenge: want, MaxNumber: 100, Salt: salt, Signature: "s"}
	p, ok := Solve(t.Context(), c)
	if !ok || p.Number != 42 || !p.Solved() {
		t.Errorf("%+v %v", p, ok)
	}
	c.MaxNumber = 41
	if _, ok := Solve(t.Context(), c); ok {
		t.Error("solved beyond the highest number")
	}
	if at, ok := Expires(salt); !ok || at.Unix() != 1_700_000_000 {
		t.Errorf("expires %v %v", at, ok)
	}
}

// TestNoDigitMoves: the hash is of salt and number without anything between
// them, so a digit that changes sides leaves it as it is.
func TestNoDigitMoves(t *testing.T) {
	salt := Salt("salt", time.Unix(1_700_000_000, 0), url.Values{"bound": {"6"}})
	moved := Payload{Algorithm: Algorithm, Challenge: Hash(salt, 123), Salt: salt + "1", Number: 23}
	if !moved.Solved() {
		t.Fatal("this is the attack")
	}
	if _, ok := Expires(moved.Salt); ok || Parameters(moved.Salt).Get("bound") != "" {
		t.Error("a salt that took a digit of the number still counts")
	}
}

func TestDecode(t *testing.T) {
	p := Payload{Algorithm: Algorithm, Challenge: strings.Repeat("ab", 32), Number: 7, Salt: "s?expires=1&", Signature: "cd"}
	if got, ok := Decode(p.Encode()); !ok || got != p {
		t.Errorf("%+v %v", got, ok)
	}
	if got, ok := Decode(strings.TrimRight(p.Encode(), "=")); !ok || got != p {
		t.Errorf("without padding: %+v %v", got, ok)
	}
	for _, document := range []string{"", "null", "[]", "{}", `{"algorithm":"SHA-256"}`,
		`{"algorithm":"a","challenge":"b","number":"7","salt":"c","signature":"d"}`,
		`{"algorithm":"a","challenge":"b","number":-1,"salt":"c","signature":"d"}`,
		`{"algorithm":"a","challenge":"b","number":7.5,"salt":"c","signature":"d"}`,
		`{"algorithm":"a","challenge":"b","number":1e3,"salt":"c","signature":"d"}`,
		`{"algorithm":"a","challenge":"b","number":9223372036854775808,"salt":"c","signature":"d"}`,
		`{"algorithm":"a","challenge":null,"number":7,"salt":"c","signature":"d"}`,
		`{"Algorithm":"a","challenge":"b","number":7,"salt":"c","signature":"d"}`,
		`{"algorithm":"a","challenge":"b","number":7,"salt":"c","signature":"d"}x`} {
		if got, ok := Decode(base64.StdEncoding.EncodeToString([]byte(document))); ok {
			t.Errorf("%s is %+v", document, got)
		}
	}
	for _, text := range []string{"%%%", strings.Repeat("A", 2052), "e30\n"} {
		if _, ok := Decode(text); ok {
			t.Errorf("%q is a payload", text)
		}
	}
}

// FuzzDecode: what is read is read the same after it was written again.
func FuzzDecode(f *testing.F) {
	f.Add(Payload{Algorithm: Algorithm, Challenge: "ab", Number: 7, Salt: "s?expires=1&", Signature: "cd"}.Encode())
	f.Add(base64.StdEncoding.EncodeToString([]byte(`{"algorithm":"SHA-256","challenge":"b","number":7,"salt":"c?expires=99&","signature":"d","took":1.5}`)))
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := Decode(text)
		if !ok {
			return
		}
		_, _ = Expires(p.Salt)
		p.Solved()
		if len(p.Encode()) > longestPayload {
			return // escapes made it longer
		}
		if again, ok := Decode(p.Encode()); !ok || again != p || p.Number < 0 {
			t.Errorf("%q is %+v, and then %+v", text, p, again)
		}
	})
}
