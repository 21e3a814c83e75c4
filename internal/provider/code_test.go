package provider_test

import (
	"strings"
	"testing"

	"yanma.dev/yanma/internal/provider"
)

// TestReq14_CodesHideNumbers: what is a code stays as it is; a number in it,
// blanks, controls and its tail do not.
func TestReq14_CodesHideNumbers(t *testing.T) {
	for code, want := range map[string]string{
		"":                              "",
		"DELIVRD":                       "DELIVRD",
		"MK:0001":                       "MK:0001",
		"0x0000000B":                    "0x0000000B",
		"0x00000010":                    "0x00000010",
		"12345678":                      "12345678",
		"13800138000":                   "***********",
		"E8613800138000":                "E*************",
		"ERR+8613800138000/13912345678": "ERR+*************/***********",
		"no route":                      "no route",
		"1380 013-8000":                 "*************",
		"UNDELIV\r\n13800138000":        "UNDELIV***********",
		"失败":                            "",
		strings.Repeat("A", 40):         strings.Repeat("A", 32),
	} {
		if got := provider.CleanCode(code); got != want {
			t.Errorf("CleanCode(%q) = %q, want %q", code, got, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { provider.CleanCode("DELIVRD") }); n != 0 {
		t.Errorf("%v allocations for a clean code", n)
	}
}

// TestIDsAreCut: what is no carrier's id any more is as long as an index takes.
func TestIDsAreCut(t *testing.T) {
	for _, id := range []string{"", "1234567890abcdef", strings.Repeat("a", 255)} {
		if got := provider.CleanID(id); got != id {
			t.Errorf("%d bytes became %q", len(id), got)
		}
	}
	if got := provider.CleanID(strings.Repeat("a", 256)); len(got) != 255 {
		t.Errorf("%d bytes", len(got))
	}
}
