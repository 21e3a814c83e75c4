package httpsms

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/httpcall"
	"yanma.dev/yanma/internal/provider"
)

// wire is one carrier's interface. It is safe for concurrent use.
type wire interface {
	// carries tells whether the message can be put in the carrier's terms.
	carries(m *provider.Message) bool
	// compose makes the request that asks for m. An error is final.
	compose(m *provider.Message, t turn) (*http.Request, error)
	// judge says what a whole answer means.
	judge(a httpcall.Answer, t turn) verdict
	// read takes what the carrier posted: errForged, errMalformed, or what it says.
	read(h *hook) (news, error)
}

// turn is what is new for each request.
type turn struct {
	now   time.Time
	nonce string // 32 hexadecimal digits
}

// verdict is an outcome and what it does to the provider.
type verdict struct {
	provider.Outcome
	slow  bool // the carrier asks for less: rest, then half the rate
	alert bool // nothing is wrong with the message: the account needs its owner
}

func (cfg Config) wire() (wire, error) {
	switch cfg.Type {
	case Declared:
		return newDeclared(cfg)
	case Aliyun:
		return newAliyun(cfg)
	case Tencent:
		return newTencent(cfg)
	case Twilio:
		return newTwilio(cfg)
	case Submail:
		return newSubmail(cfg)
	case Kannel:
		return newKannel(cfg)
	default:
		return nil, fmt.Errorf("type: %q is not one that this package speaks", cfg.Type)
	}
}

// formRequest is a POST of a form.
func formRequest(address string, form url.Values) (*http.Request, error) {
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode())) //nolint:noctx // httpcall.Do gives it one
	if err != nil {
		return nil, errors.New("the URL can not be called")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r, nil
}

func accepted(ids ...string) verdict {
	return verdict{Outcome: provider.Outcome{Class: provider.Accepted, PartIDs: ids}}
}

// unreadable is an answer of which nobody knows whether the message was taken.
func unreadable(a httpcall.Answer) verdict {
	return verdict{Outcome: provider.Outcome{Class: provider.Unknown, Code: httpCode(a.Status), Detail: "the answer is not what the interface describes"}}
}

func httpCode(status int) string { return fmt.Sprintf("http %d", status) }

// byStatus judges an answer by its status alone. 503 and 429 say that the
// request was not acted on; another 5xx may come from something in front of a
// carrier that did. A redirect is not followed, so its message went nowhere.
func byStatus(a httpcall.Answer) verdict {
	o := provider.Outcome{Code: httpCode(a.Status)}
	switch {
	case a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable:
		o.Class, o.RetryAfter = provider.Throttled, retryAfter(a.Header)
		return verdict{Outcome: o, slow: true}
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden || a.Status == http.StatusProxyAuthRequired:
		o.Class = provider.NotSent
		return verdict{Outcome: o, alert: true}
	case a.Status >= 300 && a.Status < 500:
		o.Class = provider.Rejected
		return verdict{Outcome: o}
	default:
		return unreadable(a)
	}
}

func isSuccess(status int) bool { return status >= 200 && status < 300 }

// codeClass is what a carrier's code means.
type codeClass uint8

const (
	refused codeClass = iota // this message, for good
	busy                     // the account is over its rate, or the carrier is: later
	often                    // this number had too many of late: later, the others are not concerned
	account                  // credentials, balance, rights: the message is fine, nobody's will be taken
	unsure                   // the carrier does not know either
)

// oftenAfter is when a number that had too many is tried again.
const oftenAfter = time.Minute

// outcome is a carrier's refusal as the outbox takes it.
func (c codeClass) outcome(code string) verdict {
	v := verdict{Outcome: provider.Outcome{Class: provider.Rejected, Code: provider.CleanCode(code)}}
	switch c {
	case busy:
		v.Class, v.RetryAfter, v.slow = provider.Throttled, pauseAfterBusy, true
	case often:
		v.Class, v.RetryAfter = provider.Throttled, oftenAfter
	case account:
		v.Class, v.alert = provider.NotSent, true
	case unsure:
		v.Class = provider.Unknown
	default: // refused
	}
	return v
}

// byPrefix is the class of a code in a list of beginnings, the first that fits.
type byPrefix []prefixClass

type prefixClass struct {
	prefix string
	class  codeClass
}

func (list byPrefix) class(code string) codeClass {
	for i := range list {
		if strings.HasPrefix(code, list[i].prefix) {
			return list[i].class
		}
	}
	return refused
}

// subscriber is the number that a carrier spelt with or without a plus or an
// international prefix; zero when it is none. home says that eleven digits from
// 1 on are a number in China, as carriers there write it.
func subscriber(s string, home bool) core.Phone {
	s = strings.TrimSpace(s)
	digits, international := strings.CutPrefix(s, "+")
	if !international {
		digits, international = strings.CutPrefix(digits, "00")
	}
	if strings.Trim(digits, "0123456789") != "" || len(digits) < 5 || len(digits) > 15 {
		return core.Phone{}
	}
	if home && !international && len(digits) == 11 && digits[0] == '1' {
		digits = "86" + digits
	}
	return core.PhoneFromE164("+" + digits)
}

// chinese is the national form for China, E.164 with the plus for elsewhere
// (contracts/delivery.md §6).
func chinese(p core.Phone) string { return strings.TrimPrefix(p.E164(), "+86") }

// mapped is the carrier's template for a message and the values of its
// parameters; ok is false when it has none or a value is missing.
func (cfg *Config) mapped(m *provider.Message) (t Template, ok bool) {
	t, ok = cfg.Templates[m.Template]
	if !ok {
		return t, false
	}
	for _, p := range t.Params {
		_, ours := t.pair(p)
		if _, has := m.Params[ours]; !has {
			return t, false
		}
	}
	return t, true
}
