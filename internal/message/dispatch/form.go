package dispatch

import (
	"strings"

	"yanma.dev/yanma/internal/core"
)

// Form is how a caller wrote a number (contracts/README.md §4), so that a
// schedule can give it back as it came without keeping it in the clear.
type Form uint8

// The forms.
const (
	FormE164     Form = 0 // +8613800138000
	FormNational Form = 1 // 13800138000
	FormZeros    Form = 2 // 008613800138000
	FormDigits   Form = 3 // 8613800138000
	FormHyphen   Form = 4 // +86-13800138000
)

// FormOf recognises how literal writes a number.
func FormOf(literal string, phone core.Phone) Form {
	for f := FormNational; f <= FormHyphen; f++ {
		if f.Literal(phone) == literal {
			return f
		}
	}
	return FormE164
}

// Literal writes a number in a form.
func (f Form) Literal(phone core.Phone) string {
	e164 := phone.E164()
	switch f {
	case FormNational:
		return phone.National()
	case FormZeros:
		return "00" + strings.TrimPrefix(e164, "+")
	case FormDigits:
		return strings.TrimPrefix(e164, "+")
	case FormHyphen:
		return "+86-" + phone.National()
	case FormE164:
	}
	return e164
}
