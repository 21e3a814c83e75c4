package facadetest

import "testing"

// JSMS is the suite of contracts/jsms.md. Its Env has two apps of one tenant:
// the first has the pair of §1.1, whose header is {{basic}}; {{other}} is the
// second app's, {{developer}} that of the developer's pair, {{swapped}} the first
// app's key with the developer's secret. Default limits are on, a segment and a
// call cost 1, the general balance is 1000, and the clock stands still.
// {{code 13812345678}} is the code in the number's newest message,
// {{wrong 13812345678}} another one; {{time 1h}} is so long from now, as send_time,
// and {{more 1000}} so many further recipients. Directives, for both apps where they concern
// apps:
//
//	advance 60s                           balance 100
//	template REF KIND STATE TTL TEXT      (KIND code|notice|market, STATE pending|approved|rejected; of the first app)
//	sign REF STATE TEXT                   (of the first app)
//	app disable|enable                    deny sms|nothing
//	dialects yunbox jsms                  allow-source 203.0.113.0/24
//	require-auth-on-valid on|off          callback-url URL
//	received N                            (waits for so many receipts)
//	wanted-none NUMBER                    (it opted out of the first app's marketing)
//	third app                             (makes the app of {{third}}: no balance, no signature)
//	hour N                                (advances to the next N:00 in China)
//	store closed                          (the database is gone)
//
// No text may have the word 违禁词.
func JSMS(files string, start func(t *testing.T) Env) Suite {
	return Suite{
		Files: files,
		Start: start,
		Always: []string{ // contracts/README.md §3.2
			"Content-Type: application/json;charset=UTF-8",
			"Cache-Control: no-store",
			"X-Request-Id: {{any_request_id}}",
		},
		Patterns: map[string]string{ // contracts/jsms.md §1.4
			"uuid":   `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`,
			"number": `[1-9][0-9]{11,15}`,
			"id":     `[1-9][0-9]*`,
			"millis": `[0-9]{13}`,

			"time_text":     `[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}`,
			"place_of_code": `\{\{code\}\}`, // as it stands in a template
			"words":         `[^"]+`,
		},
	}
}
