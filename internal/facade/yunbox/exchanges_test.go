package yunbox_test

import (
	"testing"

	"yanma.dev/yanma/internal/facade/facadetest"
)

// TestReq43_YunboxExchanges runs every exchange of testdata, typed from
// contracts/yunbox.md and contracts/README.md §3.
func TestReq43_YunboxExchanges(t *testing.T) {
	facadetest.Run(t, facadetest.Suite{
		Files: "testdata/*.txtar",
		Start: func(t *testing.T) facadetest.Env { return start(t) },
		Always: []string{
			"Content-Type: application/json;charset=UTF-8",
			"Cache-Control: no-store",
			"X-Request-Id: {{any_request_id}}",
		},
		Patterns: map[string]string{ // contracts/yunbox.md §1.1, §8
			"yb_uid":    `yb[0-7][0-9a-hjkmnp-tv-z]{25}`,
			"device_id": `dv[0-7][0-9a-hjkmnp-tv-z]{25}`,
			"ipv4":      `10(?:\.[0-9]{1,3}){3}`,
			"ipv6":      `fd77:7961:6e[0-9a-f:]+`,
		},
	})
}
