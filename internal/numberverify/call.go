package numberverify

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"

	"yanma.dev/yanma/internal/httpcall"
)

// ConnectTimeout is how long a gateway may take to be reached (contracts/carriers.md §1).
const ConnectTimeout = 2 * time.Second

// Call makes a gateway's HTTP call and classifies why there is no answer: what
// came too late or broke off is a time-out, what is no HTTP is unreadable.
func Call(ctx context.Context, c *httpcall.Client, r *http.Request) (httpcall.Answer, error) {
	answer, err := c.Do(ctx, r)
	if err == nil {
		return answer, nil
	}
	sent := httpcall.Sent(err)
	if reason := httpcall.Reason(err); sent && (errors.Is(err, httpcall.ErrTooLong) || strings.HasPrefix(reason, "the answer is not HTTP")) {
		return answer, ErrUnreadable()
	}
	return answer, ErrTimeout(sent)
}

var (
	longDigits = regexp.MustCompile(`\+?[0-9](?:[ -]?[0-9]){4,}`)
	longWord   = regexp.MustCompile(`[A-Za-z0-9_+/=.%-]{16,}`)
)

// Scrub makes a carrier's text showable: numbers and proofs are masked, control
// characters go, and 64 characters are enough (contracts/README.md §3.2). What
// is left of nothing is "unknown error" (contracts/submail.md §5).
func Scrub(text string, secrets ...string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "****")
		}
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	text = longWord.ReplaceAllString(text, "****")
	text = longDigits.ReplaceAllString(text, "****")
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 64 {
		text = string(runes[:64])
	}
	if text == "" {
		return "unknown error"
	}
	return text
}

// CleanCode is a carrier's code as it may be shown: up to 32 letters, digits and
// . _ -; anything else counts as unreadable.
func CleanCode(code string) string {
	ok := func(r rune) bool {
		return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-", r))
	}
	if code == "" || len(code) > 32 || strings.ContainsFunc(code, func(r rune) bool { return !ok(r) }) || longDigits.MatchString(code) && len(code) > 7 {
		return CodeUnreadable
	}
	return code
}
