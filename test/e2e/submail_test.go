//go:build interop

package e2e

import (
	"regexp"
	"strings"
	"testing"
)

// TestSubmailPage pastes the commands of docs/submail.md, in their order, and
// holds what they answer to what the page shows.
func TestSubmailPage(t *testing.T) {
	same := func(s string) string {
		s = regexp.MustCompile(`[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(strings.TrimSpace(s), "ID")
		return regexp.MustCompile(`"runtime":[0-9.]+`).ReplaceAllString(s, `"runtime":0`)
	}
	pastePage(t, "submail", "(?s)```sh\n(.*?)```\n(?:```json\n(.*?)```)?", 8, same)
}
