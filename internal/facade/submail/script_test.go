package submail

import (
	"regexp"
	"strings"
	"testing"
)

// TestScriptIsPlain holds the script to contracts/submail.md §9: plain ES5, at
// most 12 KiB, no cookies, and the members that pages read, as they are spelled.
func TestScriptIsPlain(t *testing.T) {
	text := string(Script())
	if len(text) == 0 || len(text) > 12<<10 {
		t.Errorf("it has %d bytes", len(text))
	}
	code := regexp.MustCompile(`(?m)//.*$|/\*(?s:.*?)\*/`).ReplaceAllString(text, "")
	for _, newer := range []string{"=>", "`", `\blet\b`, `\bconst\b`, `\bclass\b`, `\basync\b`, `\bawait\b`, `\.\.\.`, `\?\.`, `\?\?`, "document.cookie", "withCredentials = true", `\bfetch\(`, `\bPromise\b`} {
		if found := regexp.MustCompile(newer).FindString(code); found != "" {
			t.Errorf("it has %q", found)
		}
	}
	for _, member := range []string{"userInformarion", "userInformation", "YDData", "CTData", "CUData", "respCode", "netType", "token: ''"} {
		if !strings.Contains(text, member) {
			t.Errorf("%s is missing", member)
		}
	}
}
