//go:build interop

package e2e

import (
	"regexp"
	"strings"
	"testing"
)

// TestOneAccessPage pastes the commands of docs/oneaccess.md, in their order, and
// holds what they answer to what the page shows, but for ids and tokens: OpenSSL
// makes the signatures.
func TestOneAccessPage(t *testing.T) {
	same := func(s string) string {
		for what, by := range map[string]string{`"session_token":"[A-Za-z0-9]{32}"`: "session", `"id_token":"[\w-]+\.[\w-]+\.[\w-]+"`: "id token", `"user_name":"u[0-7][0-9a-hjkmnp-tv-z]{25}"`: "user"} {
			s = regexp.MustCompile(what).ReplaceAllString(strings.TrimSpace(s), by)
		}
		return s
	}
	pastePage(t, "oneaccess", "(?s)```sh\n(.*?)```\n```json\n(.*?)```", 4, same)
}
