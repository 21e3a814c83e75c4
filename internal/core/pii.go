package core

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
)

// Phone is a telephone number in E.164 form with its leading plus
// (+8613800138000). The zero Phone is "no number". Only guard.ParsePhone and
// the field decryption of keyring make one from outside input.
type Phone struct{ e164 hidden }

// PhoneFromE164 wraps a string that is already valid E.164 with its plus. It
// does not check it: callers that hold outside input use guard.ParsePhone.
func PhoneFromE164(e164 string) Phone { return Phone{e164: hide(e164)} }

// E164 reveals the number with its plus.
func (p Phone) E164() string { return p.e164.text() }

// IsZero tells whether there is no number.
func (p Phone) IsZero() bool { return p == Phone{} }

// National reveals the number as mainland carriers take it: without +86 for
// China, without the plus for every other country.
func (p Phone) National() string {
	if rest, ok := strings.CutPrefix(p.E164(), "+86"); ok {
		return rest
	}
	return strings.TrimPrefix(p.E164(), "+")
}

// Masked is the only form for logs and screens: 138****8000 for China
// (contracts/README.md §4), and for the rest +14155****23: the last two digits
// and what precedes the four hidden ones.
func (p Phone) Masked() string { return MaskNumber(p.E164()) }

// MaskNumber masks a caller's literal number or an E.164 string. Strings of
// fewer than seven digits are hidden whole.
func MaskNumber(s string) string {
	s = strings.TrimPrefix(s, "+86")
	switch {
	case s == "":
		return ""
	case len(s) < 7:
		return "****"
	case len(s) == 11 && s[0] == '1':
		return s[:3] + "****" + s[7:]
	default:
		return s[:len(s)-6] + "****" + s[len(s)-2:]
	}
}

// String masks.
func (p Phone) String() string { return p.Masked() }

// GoString masks, for %#v.
func (p Phone) GoString() string { return "core.Phone(" + p.Masked() + ")" }

// Format masks under every verb: %x of a struct would print the field.
func (p Phone) Format(f fmt.State, verb rune) { formatMasked(f, verb, p.Masked(), p.GoString()) }

// LogValue masks.
func (p Phone) LogValue() slog.Value { return slog.StringValue(p.Masked()) }

// MarshalJSON masks.
func (p Phone) MarshalJSON() ([]byte, error) { return json.Marshal(p.Masked()) }

// Code is a one-time code: 4 to 10 ASCII digits.
type Code struct{ digits hidden }

// CodeFromDigits wraps digits; it does not check them (see ValidCodeDigits).
func CodeFromDigits(digits string) Code { return Code{digits: hide(digits)} }

// ValidCodeDigits tells whether s is 4 to 10 ASCII digits
// (contracts/yunbox.md §4.1 step 8).
func ValidCodeDigits(s string) bool {
	if len(s) < 4 || len(s) > 10 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Digits reveals the code.
func (c Code) Digits() string { return c.digits.text() }

// String hides the code.
func (c Code) String() string { return "******" }

// GoString hides the code.
func (c Code) GoString() string { return "core.Code(******)" }

// Format hides the code under every verb.
func (c Code) Format(f fmt.State, verb rune) { formatMasked(f, verb, c.String(), c.GoString()) }

// LogValue hides the code.
func (c Code) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON hides the code.
func (c Code) MarshalJSON() ([]byte, error) { return []byte(`"******"`), nil }

// Secret is a password, key or token. It prints as ***.
type Secret struct{ value hidden }

// NewSecret wraps value.
func NewSecret(value string) Secret { return Secret{value: hide(value)} }

// Reveal gives the raw secret.
func (s Secret) Reveal() string { return s.value.text() }

// IsZero tells whether the secret is empty.
func (s Secret) IsZero() bool { return s == Secret{} }

// String hides the secret.
func (s Secret) String() string { return "***" }

// GoString hides the secret.
func (s Secret) GoString() string { return "core.Secret(***)" }

// Format hides the secret under every verb.
func (s Secret) Format(f fmt.State, verb rune) { formatMasked(f, verb, s.String(), s.GoString()) }

// LogValue hides the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue("***") }

// MarshalJSON hides the secret.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"***"`), nil }

// UnmarshalText takes the raw secret, so that configuration decodes into it.
func (s *Secret) UnmarshalText(b []byte) error { s.value = hide(string(b)); return nil }

func formatMasked(f fmt.State, verb rune, plain, goSyntax string) {
	text := plain
	if verb == 'v' && f.Flag('#') {
		text = goSyntax
	}
	_, _ = f.Write([]byte(text))
}

// hidden is a text with the top bit of each byte turned over. Of an unexported
// field of a struct, and under %p and %w, fmt asks no method and prints what it
// finds: that is no number, code or secret then. It is a backstop for such an
// accident, and no encryption.
type hidden string

func hide(text string) hidden { return hidden(turnedOver(text)) }

func (h hidden) text() string { return turnedOver(string(h)) }

func turnedOver(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] ^= 0x80
	}
	return string(b)
}
