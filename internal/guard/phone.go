package guard

import (
	"strings"

	"github.com/nyaruka/phonenumbers"

	"yanma.dev/yanma/internal/core"
)

// PhonePolicy is which numbers an app may reach and how a dialect writes them.
type PhonePolicy struct {
	// Countries are the ISO 3166 regions that are allowed; every other is
	// refused. nil means CN only (contracts/README.md §4).
	Countries map[string]bool

	OneAccessForm bool // also take +86-13800138000, which only oneaccess prints
	E164Only      bool // take nothing but the form with a plus (camara)
}

func (p PhonePolicy) allows(region string) bool {
	if p.Countries == nil {
		return region == regionCN
	}
	return p.Countries[region]
}

const regionCN = "CN"

// ParsePhone reads a caller's literal number (contracts/README.md §4). Every
// refusal is KindInvalidPhone; the error never holds the number.
func ParsePhone(literal string, policy PhonePolicy) (core.Phone, error) {
	e164, err := toE164(literal, policy)
	if err != nil {
		return core.Phone{}, err
	}
	if national, ok := strings.CutPrefix(e164, "+86"); ok {
		if !isMobileCN(national) {
			return core.Phone{}, invalidPhone("no mobile range of CN")
		}
		if !policy.allows(regionCN) {
			return core.Phone{}, invalidPhone("country not allowed")
		}
		return core.PhoneFromE164(e164), nil
	}
	return parseForeign(e164, policy)
}

// toE164 turns the forms of the contract's table into a plus and digits.
func toE164(literal string, policy PhonePolicy) (string, error) {
	if policy.OneAccessForm {
		if national, ok := strings.CutPrefix(literal, "+86-"); ok {
			if len(national) != 11 || !allDigits(national) {
				return "", invalidPhone("not a number")
			}
			return "+86" + national, nil
		}
	}
	if digits, ok := strings.CutPrefix(literal, "+"); ok {
		if !isInternational(digits) {
			return "", invalidPhone("not a number")
		}
		return literal, nil
	}
	if policy.E164Only || !allDigits(literal) {
		return "", invalidPhone("not a number")
	}
	switch {
	case strings.HasPrefix(literal, "00") && isInternational(literal[2:]):
		return "+" + literal[2:], nil
	case len(literal) == 11:
		return "+86" + literal, nil
	case len(literal) == 13 && strings.HasPrefix(literal, "861"):
		return "+" + literal, nil
	}
	return "", invalidPhone("not a number")
}

// isInternational tells whether s is the digits of an E.164 number: a country
// code, which never begins with 0, and at most 15 digits in all.
func isInternational(s string) bool {
	return len(s) >= 7 && len(s) <= 15 && s[0] != '0' && allDigits(s)
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// isMobileCN is the contract's expression, by hand because every request pays it:
//
//	^1(3\d|4[579]|5[0-35-9]|6[2567]|7[0-8]|8\d|9[0-35-9])\d{8}$
func isMobileCN(national string) bool {
	if len(national) != 11 || national[0] != '1' || !allDigits(national) {
		return false
	}
	third := national[2]
	switch national[1] {
	case '3', '8':
		return true
	case '4':
		return third == '5' || third == '7' || third == '9'
	case '5', '9':
		return third != '4'
	case '6':
		return third == '2' || third >= '5' && third <= '7'
	case '7':
		return third <= '8'
	}
	return false
}

// parseForeign asks the numbering-plan metadata. The literal is ASCII and in
// E.164 form already: the library would also take other digits and blanks, and
// drop a trunk zero.
func parseForeign(e164 string, policy PhonePolicy) (core.Phone, error) {
	number, err := phonenumbers.Parse(e164, "")
	if err != nil || phonenumbers.Format(number, phonenumbers.E164) != e164 {
		return core.Phone{}, invalidPhone("not a number")
	}
	region := phonenumbers.GetRegionCodeForNumber(number)
	if !policy.allows(region) {
		return core.Phone{}, invalidPhone("country not allowed")
	}
	switch phonenumbers.GetNumberType(number) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE:
		return core.PhoneFromE164(e164), nil
	default:
		return core.Phone{}, invalidPhone("not a mobile number")
	}
}

// Region is the number's ISO 3166 region, such as CN; empty for none or unknown.
func Region(p core.Phone) string {
	e164 := p.E164()
	if strings.HasPrefix(e164, "+86") {
		return regionCN
	}
	number, err := phonenumbers.Parse(e164, "")
	if err != nil {
		return ""
	}
	return phonenumbers.GetRegionCodeForNumber(number)
}

func invalidPhone(why string) error { return core.E(core.KindInvalidPhone, why) }
