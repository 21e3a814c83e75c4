package numberverify

import (
	"strings"
	"testing"
)

// TestReq14_Scrub: no number, proof or line break of an upstream text is shown.
func TestReq14_Scrub(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "unknown error",
		"  \r\n\t ":                          "unknown error",
		"system busy":                        "system busy",
		"number 13800138000 is bad":          "number **** is bad",
		"number +86 138 0013 8000 is bad":    "number **** is bad",
		"138-0013-8000":                      "****",
		"token STsid0000001700000000ABCDEFG": "token ****",
		"line\r\nSet-Cookie: x":              "line Set-Cookie: x",
		"token t-1 is used":                  "token **** is used",
		"bad \xff utf8":                      "bad utf8",
		"系统繁忙":                               "系统繁忙",
		strings.Repeat("a b ", 100):          strings.Repeat("a b ", 16)[:64],
	} {
		if have := Scrub(in, "t-1", ""); have != want {
			t.Errorf("%q: %q, want %q", in, have, want)
		}
	}
}

func TestCleanCode(t *testing.T) {
	for in, want := range map[string]string{"000": "000", "103111": "103111", "isv.AMOUNT_LIMIT": "isv.AMOUNT_LIMIT", "": "603", "a b": "603", "<x>": "603",
		"13800138000": "603", strings.Repeat("x", 33): "603"} {
		if have := CleanCode(in); have != want {
			t.Errorf("%q: %q, want %q", in, have, want)
		}
	}
}

// TestDescribe: contracts/submail.md §5.
func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		carrier         Carrier
		code, own, want string
	}{
		{CarrierMobile, "606", "验证Token失败", "token check failed"}, {CarrierMobile, "103111", "", "WAP gateway IP error"},
		{CarrierMobile, "104201", "", "token expired or used"}, {CarrierMobile, "555", "own words", "own words"}, {CarrierMobile, "555", "", "unknown error"},
		{CarrierUnicom, "201", "", "token expired"}, {CarrierUnicom, "102", "", "server error"}, {CarrierUnicom, "111", "", "network environment error"},
		{CarrierTelecom, "10004", "", "appid unknown or IP refused"}, {CarrierTelecom, "606", "", "unknown error"},
	} {
		if have := Describe(c.carrier, c.code, c.own); have != c.want {
			t.Errorf("%s %s: %q, want %q", c.carrier, c.code, have, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Classes() {
		if s := c.String(); s == "invalid" || seen[s] {
			t.Errorf("class %d is called %q", c, s)
		} else {
			seen[s] = true
		}
	}
	for c := CarrierMobile; c <= CarrierTelecom; c++ {
		if named, ok := CarrierNamed(c.String()); !ok || named != c || len(c.Short()) != 2 {
			t.Errorf("carrier %d is called %q, %q", c, c, c.Short())
		}
	}
}
