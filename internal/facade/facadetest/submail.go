package facadetest

import "testing"

// Submail is the suite of contracts/submail.md. Its Env is one app of one tenant
// with the pairs of §3.1 and §4.1, a balance of 1000, a price of 1, a clock that
// stands still at 1700000000, and a carrier that is told how to answer:
// {{sign 1700000000 TOKEN}} signs with the app's key. See the Env for its
// directives.
func Submail(files string, start func(t *testing.T) Env) Suite {
	return Suite{
		Files: files,
		Start: start,
		Always: []string{ // contracts/README.md §3.2
			"Content-Type: application/json;charset=UTF-8",
			"Cache-Control: no-store",
			"X-Request-Id: {{any_request_id}}",
		},
		Patterns: map[string]string{
			"msg_id":  `[0-9a-f]{32}`,
			"session": `[0-9a-f]{32}`,
			"runtime": `[0-9]+\.[0-9]+`,
			"etag":    `"[0-9a-f]{16}"`,
		},
	}
}
