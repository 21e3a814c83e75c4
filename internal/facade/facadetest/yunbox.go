package facadetest

import "testing"

// Yunbox is the suite of contracts/yunbox.md. Its Env has two apps of one
// tenant, whose keys are {{key}} and {{other_key}}, test numbers and default
// limits on, a balance of 1000, prices of 0, a webhook as provisioner with the
// values of §8, and a clock that stands still. {{code 13800138000}} is the code
// in the number's newest message, {{wrong 13800138000}} another one of the same
// length. Directives, for both apps where they concern apps:
//
//	advance 60s                      balance 100, expect-balance 100
//	sms-price 1, login-price 1       test-numbers on|off
//	app disable|enable               allow-source 203.0.113.0/24
//	countries CN US                  require-key-on-get on|off
//	device-cap 10                    provisioning up|refuses|unreachable
//	provisioner none|webhook         forget-keys on|off
//	import UID PHONE DEVICE          (into the first app) store down
func Yunbox(files string, start func(t *testing.T) Env) Suite {
	return Suite{
		Files: files,
		Start: start,
		Always: []string{ // contracts/README.md §3.2
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
	}
}
