package keyring

import (
	"strings"
	"testing"
	"time"
)

// TestCaptchaTokens: a token opens for its owner alone, says when it was made to
// the millisecond, and outlives a rotation.
func TestCaptchaTokens(t *testing.T) {
	r := newRing(t)
	made := time.Date(2026, 11, 22, 8, 0, 0, 123_456_789, time.UTC)
	token, sealed, err := r.SealAnswer("owner", 262, made)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := r.SealAnswer("owner", 262, made)
	if err != nil || again == token || len(token) != 32 || strings.ToLower(token) != token {
		t.Errorf("%q %q %v", token, again, err)
	}
	if err := r.RotateTokenKey(); err != nil {
		t.Fatal(err)
	}
	opened, ok := r.OpenAnswer("owner", token, made.Add(time.Hour))
	if !ok || opened.X != 262 || !opened.Made.Equal(made.Truncate(time.Millisecond)) || opened.Secret() != sealed.Secret() || len(opened.Secret()) != 16 {
		t.Errorf("%+v %v", opened, ok)
	}
	newer, other, err := r.SealAnswer("owner", 100, made)
	if err != nil || other.Secret() == sealed.Secret() {
		t.Errorf("%v, one secret for two tokens", err)
	}
	for token, x := range map[string]int{token: 262, newer: 100} {
		if got, ok := r.AnswerOf(token); !ok || got != x {
			t.Errorf("answer %d %v, want %d", got, ok, x)
		}
		if at, ok := r.CaptchaMade(token, made.Add(-time.Hour)); !ok || !at.Equal(made.Truncate(time.Millisecond)) {
			t.Errorf("made %v %v", at, ok)
		}
		if _, ok := r.OpenAnswer("another", token, made); ok {
			t.Error("opens for another owner")
		}
	}
	for i := range token {
		digit := "123456789abcdef0"[strings.IndexByte("0123456789abcdef", token[i])]
		if _, ok := r.OpenAnswer("owner", token[:i]+string(digit)+token[i+1:], made); ok {
			t.Errorf("opens with digit %d altered", i)
		}
	}
	for _, none := range []string{"", token[1:], token + "0", strings.ToUpper(token), strings.Repeat("g", 32)} {
		if _, ok := r.OpenAnswer("owner", none, made); ok {
			t.Errorf("%q opens", none)
		}
		if _, ok := r.AnswerOf(none); ok {
			t.Errorf("%q has an answer", none)
		}
	}
	if sums := r.CaptchaProof("message"); len(sums) != 2 || sums[0] == sums[1] || sums[0] != r.CaptchaProof("message")[0] {
		t.Errorf("%d proofs", len(sums))
	}
}

// TestCaptchaClockWraps: the 40 bits of the time are read next to now, over their end.
func TestCaptchaClockWraps(t *testing.T) {
	r := newRing(t)
	end := time.UnixMilli(2 << 40)
	for _, off := range []time.Duration{-time.Minute, -time.Millisecond, 0, time.Minute} {
		made := end.Add(off)
		token, _, err := r.SealAnswer("owner", 1, made)
		if err != nil {
			t.Fatal(err)
		}
		for _, now := range []time.Time{made, end, end.Add(2 * time.Minute), end.Add(-2 * time.Minute)} {
			if a, ok := r.OpenAnswer("owner", token, now); !ok || !a.Made.Equal(made) {
				t.Errorf("made %v, read at %v as %v", made, now, a.Made)
			}
		}
	}
}
