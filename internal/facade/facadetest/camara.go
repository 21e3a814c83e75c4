package facadetest

import (
	"net/http"
	"testing"
)

// Camara is the suite of contracts/camara.md. Its Env has two apps of one tenant
// with an OAuth client each, default limits, a balance of 1000, prices of 0, a
// simulated carrier, and a clock that stands still. Placeholders of requests,
// with "other_" in front for the second app's:
//
//	{{client_id}} {{basic}}     its id; what follows Authorization: Basic
//	{{assertion exp=301}}       a client assertion, with changes: exp and iat in seconds from now,
//	                            other claims as they are (+ for a blank, - takes one away), kid, typ, alg
//	{{bearer sub=operatortoken:x scope=a+b}}  the assertion of a JWT-bearer grant, likewise; sub=proof:13800138000 is
//	                            a new proof, sub=again the last one
//	{{object redirect_uri=x}}   a request object, likewise
//	{{proof 13800138000}}       a proof of the simulated carrier; a second word scripts its outcome
//	{{code}}                    itself: the label in a message
//	{{code 13800138000}}        the code in the number's newest message; {{wrong …}} another one
//
// Directives: advance 60s · balance 100 · expect-balance 100 · sms-price 1 ·
// verify-price 1 · fetch-price 1 · app disable|enable · allow-source … · limits off|on · client FIELD on|off
// · countries CN US · sent 13800138000 TEXT · store down · providers none
// · limit 2/60s (number_checks) · deny PRODUCT …
func Camara(files string, start func(t *testing.T) Env, check func(t *testing.T, request string, status int, header http.Header, body string)) Suite {
	return Suite{
		Files: files,
		Start: start,
		Check: check,
		Always: []string{ // contracts/README.md §3.2, camara.md §1
			"Content-Type: application/json",
			"Cache-Control: no-store",
			"X-Request-Id: {{any_request_id}}",
			"X-Correlator: {{any_uuid}}",
		},
		Patterns: map[string]string{
			"uuid":  `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`,
			"token": `[A-Za-z0-9_-]{43}`, // contracts/camara.md §4.2
			"auth":  `[A-Za-z0-9_-]{43}`,
			"jwt":   `[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`,
			"kid":   `[A-Za-z0-9_-]{43}`,
			"n":     `[A-Za-z0-9_-]{342}`, // RSA of 2048 bits
		},
	}
}
