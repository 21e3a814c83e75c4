//go:build interop

package e2e

import (
	"regexp"
	"strings"
	"testing"
)

// TestJSMSPage pastes the commands of docs/jsms.md, in their order, and holds
// what they answer to what the page shows, but for ids.
func TestJSMSPage(t *testing.T) {
	same := func(s string) string {
		s = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(strings.TrimSpace(s), "UUID")
		s = regexp.MustCompile(`"sign_id":[0-9]+`).ReplaceAllString(s, `"sign_id":1`)
		return regexp.MustCompile(`"msg_id":"[0-9]{12,16}"`).ReplaceAllString(s, `"msg_id":"1"`)
	}
	pastePage(t, "jsms", "(?s)```sh\n(.*?)```\n```json\n(.*?)```", 4, same)
}
