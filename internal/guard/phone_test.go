package guard

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"yanma.dev/yanma/internal/core"
)

var refused = "refused"

// The rows of contracts/README.md §4, and the forms beside them.
func TestParsePhone(t *testing.T) {
	cn := PhonePolicy{}
	oneAccess := PhonePolicy{OneAccessForm: true}
	us := PhonePolicy{Countries: map[string]bool{"CN": true, "US": true}}
	onlyUS := PhonePolicy{Countries: map[string]bool{"US": true}}
	camara := PhonePolicy{E164Only: true}
	for _, c := range []struct {
		literal string
		policy  PhonePolicy
		want    string
	}{
		{"13800138000", cn, "+8613800138000"},
		{"+8613800138000", cn, "+8613800138000"},
		{"008613800138000", cn, "+8613800138000"},
		{"8613800138000", cn, "+8613800138000"},
		{"+86-13800138000", oneAccess, "+8613800138000"},
		{"+86-13800138000", cn, refused},
		{"+14155550123", us, "+14155550123"},
		{"+14155550123", cn, refused},
		{"0014155550123", us, "+14155550123"},
		{"１３８００１３８０００", cn, refused},
		{"138 0013 8000", cn, refused},
		{"138-0013-8000", cn, refused},
		{" 13800138000", cn, refused},
		{"12345678910", cn, refused},
		{"14612345678", cn, refused},
		{"16012345678", cn, refused},
		{"19412345678", cn, refused},

		{"13800138000", onlyUS, refused},
		{"13800138000", PhonePolicy{Countries: map[string]bool{}}, refused},
		{"+13800138000", cn, refused},
		{"14155550123", us, refused}, // eleven bare digits are of region CN
		{"14955550123", cn, "+8614955550123"},
		{"+86-13800138000", camara, refused},
		{"13800138000", camara, refused},
		{"008613800138000", camara, refused},
		{"+8613800138000", camara, "+8613800138000"},
		{"+86-1380013800", oneAccess, refused},
		{"+86-12345678910", oneAccess, refused},
		{"0086-13800138000", oneAccess, refused},
		{"+86+13800138000", oneAccess, refused},
		{"8614012345678", cn, refused},
		{"8601012345678", cn, refused},
		{"86138001380001", cn, refused},
		{"+861440123456789", cn, refused}, // IoT, 13 digits
		{"+861012345678", cn, refused},    // a landline
		{"", cn, refused},
		{"+", cn, refused},
		{"00", cn, refused},
		{"++8613800138000", cn, refused},
		{"+08613800138000", cn, refused},
		{"+１４１５５５５０１２３", us, refused},
		{"+1415555٠123", us, refused},
		{"13800138000\n", cn, refused},
		{"13800138000\x00", cn, refused},
		{"1380013800", cn, refused},
		{"138001380000", cn, refused},
		{"+1415555012", us, refused},
		{"+18005550123", us, refused}, // toll-free
		{"+447400123456", PhonePolicy{Countries: map[string]bool{"GB": true}}, "+447400123456"},
		{"+4407400123456", PhonePolicy{Countries: map[string]bool{"GB": true}}, refused}, // trunk zero: not E.164
		{"+442079460000", PhonePolicy{Countries: map[string]bool{"GB": true}}, refused},  // a landline
		{"+85291234567", PhonePolicy{Countries: map[string]bool{"HK": true}}, "+85291234567"},
		{"+85291234567", cn, refused},
		{strings.Repeat("1", 100_000), cn, refused},
	} {
		phone, err := ParsePhone(c.literal, c.policy)
		got := phone.E164()
		if err != nil {
			got = refused
			if core.KindOf(err) != core.KindInvalidPhone {
				t.Errorf("%.40q: kind %v", c.literal, core.KindOf(err))
			}
			if len(c.literal) > 6 && strings.Contains(err.Error(), c.literal) {
				t.Errorf("the error holds the number: %v", err)
			}
		}
		if got != c.want {
			t.Errorf("%.40q: %s, want %s", c.literal, got, c.want)
		}
	}
}

// The contract's expression and ours agree on every range and on odd strings.
func TestIsMobileCN(t *testing.T) {
	contract := regexp.MustCompile(`^1(3\d|4[579]|5[0-35-9]|6[2567]|7[0-8]|8\d|9[0-35-9])\d{8}$`)
	for prefix := range 10_000 {
		for _, tail := range []string{"0123456", "012345", "01234567", "012345x", "012345\n"} {
			s := fmt.Sprintf("%04d%s", prefix, tail)
			if got, want := isMobileCN(s), contract.MatchString(s); got != want {
				t.Fatalf("%q: %v, the contract says %v", s, got, want)
			}
		}
	}
}

func TestRegion(t *testing.T) {
	for e164, want := range map[string]string{
		"+8613800138000": "CN", "+14155550123": "US", "+447400123456": "GB", "+85291234567": "HK", "": "", "+9990000000": "",
	} {
		if got := Region(core.PhoneFromE164(e164)); got != want {
			t.Errorf("%s: %q, want %q", e164, got, want)
		}
	}
}

// TestReq22_DefaultDeny: with the default policy no country but CN passes, and
// no class but mobile ever, whatever the metadata gives as an example.
func TestReq22_DefaultDeny(t *testing.T) {
	for _, c := range exampleNumbers() {
		phone, err := ParsePhone(c.e164, PhonePolicy{})
		if err == nil && !strings.HasPrefix(c.e164, "+86") {
			t.Errorf("%s %s passed by default as %s", c.region, c.class, phone)
		}
		_, err = ParsePhone(c.e164, PhonePolicy{Countries: map[string]bool{c.region: true}})
		if allowed := err == nil; allowed != c.mobile {
			t.Errorf("%s %s: allowed %v, mobile %v", c.region, c.class, allowed, c.mobile)
		}
	}
}

// TestReq22_EveryRegionAndType: in every region of the metadata, with that region
// allowed, nothing passes that is shown as an example of a class other than
// mobile; a fixed line passes only in plans that can not tell it from a mobile
// one, which are known. The expectation is the class that was asked for, not
// what the number is taken for. Voice codes go to the same numbers: a call to a
// premium or shared-cost number is where the money of such fraud is.
func TestReq22_EveryRegionAndType(t *testing.T) {
	onePlan := map[string]bool{} // the North American plan and the like
	seen := map[string]int{}
	for _, c := range exampleNumbers() {
		seen[c.class]++
		policy := PhonePolicy{Countries: map[string]bool{c.region: true}}
		_, err := ParsePhone(c.e164, policy)
		switch {
		case err == nil && c.class == "fixed line":
			onePlan[c.region] = true
		case err == nil && c.class != "mobile":
			t.Errorf("%s: a %s number passes", c.region, c.class)
		case err != nil && core.KindOf(err) != core.KindInvalidPhone:
			t.Errorf("%s %s: %v", c.region, c.class, err)
		}
		for _, literal := range []string{"00" + c.e164[1:], c.e164[1:]} { // other spellings are no way around
			if _, err := ParsePhone(literal, policy); err == nil && c.class != "mobile" && !onePlan[c.region] {
				t.Errorf("%s: a %s number passes as %.4s…", c.region, c.class, literal)
			}
		}
	}
	for class, regions := range map[string]int{"mobile": 200, "fixed line": 200, "toll free": 150, "premium": 100, "shared cost": 50, "VoIP": 50,
		"personal": 20, "pager": 10, "UAN": 20, "voicemail": 5} {
		if seen[class] < regions {
			t.Errorf("%s: examples of %d regions, want %d at least", class, seen[class], regions)
		}
	}
	for _, region := range []string{"CN", "GB", "DE", "FR", "HK", "SG", "JP", "RU", "LV", "CU", "ID"} {
		if onePlan[region] {
			t.Errorf("%s: a fixed line passes", region)
		}
	}
	if !onePlan["US"] || len(onePlan) > 45 {
		t.Errorf("%d plans do not tell fixed lines from mobile ones", len(onePlan))
	}
	all := PhonePolicy{Countries: phonenumbers.GetSupportedRegions()}
	for what, e164 := range map[string]string{
		"international freephone": "+80012345678", "international shared cost": "+80812345678", "Inmarsat": "+870773111632", "universal personal": "+878101234567",
		"satellite network": "+8816312345678", "international network": "+883510012345678", "international premium": "+979123456789",
		"CN 400": "+864001234567", "CN 800": "+868001234567", "CN premium 168": "+8616812345", "CN VoIP 179": "+8617951", "CN landline": "+861062345678",
		"CN IoT 13 digits": "+861440123456789", "UK 070 personal": "+447012345678", "UK 09 premium": "+449012345678", "UK 056 VoIP": "+445612345678",
		"UK pager": "+447640123456", "US 900": "+19002345678", "US 800": "+18002345678", "US 500 personal": "+15002345678", "nobody's": "+9991234567",
	} {
		if phone, err := ParsePhone(e164, all); err == nil {
			t.Errorf("%s passes as %s", what, Region(phone))
		}
	}
}

// FuzzParsePhone: what passes is E.164 of an allowed country, is read from
// ASCII digits only, and reads as itself again.
func FuzzParsePhone(f *testing.F) {
	for _, s := range []string{"13800138000", "+86-13800138000", "008613800138000", "+14155550123", "１３８", "+1 415", "\x00"} {
		f.Add(s)
	}
	e164 := regexp.MustCompile(`^\+[1-9]\d{6,14}$`)
	policy := PhonePolicy{Countries: map[string]bool{"CN": true, "US": true, "GB": true, "HK": true}, OneAccessForm: true}
	f.Fuzz(func(t *testing.T, literal string) {
		phone, err := ParsePhone(literal, policy)
		if err != nil {
			if core.KindOf(err) != core.KindInvalidPhone || !phone.IsZero() {
				t.Fatalf("%v", err)
			}
			return
		}
		if !e164.MatchString(phone.E164()) || !policy.Countries[Region(phone)] || strings.Trim(literal, "+-0123456789") != "" {
			t.Fatalf("%q became %q", literal, phone.E164())
		}
		if again, err := ParsePhone(phone.E164(), policy); err != nil || again != phone {
			t.Fatalf("%q became %q, and that %q: %v", literal, phone.E164(), again.E164(), err)
		}
	})
}

func BenchmarkParsePhone(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParsePhone("13800138000", PhonePolicy{}); err != nil {
			b.Fatal(err)
		}
	}
}
