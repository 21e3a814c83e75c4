package facadetest

import (
	"net/http"
	"testing"
)

// OneAccess is the suite of contracts/oneaccess.md. Its Env has two apps of one
// tenant with a client each, the test number of README.md §8, default limits, a
// balance of 1000, prices of 0, and a clock that stands still. Placeholders of
// requests:
//
//	{{headers}}                 the headers of a call of the first app, several lines; X-client-id is one of them
//	{{device}}                  the same without X-client-id
//	{{client}} {{other_client}} the apps' client ids
//	{{x}} {{x 6}} {{x -6}}      the column of the newest puzzle's hole, from the keyring; so far beside it
//	{{pass 15200000000}}        a captcha_token for a sender, as JSON text without its quotes; further words: fp=F client=other
//	{{signature}}               X-signature over the newest session_token; further words: session=S at=-6m nonce=N nonces=64 mgf=sha1
//	                            oaep=sha1 pad=pkcs1 key=other alphabet=url drop=nonce literal=TEXT letters=N
//	{{state}}                   the newest state_token
//	{{session}}                 the newest session_token
//	{{code 15200000000}}        the code in the number's newest message; {{wrong …}} another one
//
// Directives: advance 60s · balance 100 · expect-balance 100 · sms-price 1 · app disable|enable · test-numbers off ·
// countries CN HK · origins … · limits off|on · set {"json":"of tenant.OneAccessPatch"} · sent NUMBER N · store down ·
// remember NAME VALUE.
func OneAccess(files string, start func(t *testing.T) Env, check func(t *testing.T, request string, status int, header http.Header, body string)) Suite {
	return Suite{
		Files: files,
		Start: start,
		Check: check,
		Always: []string{ // contracts/README.md §3.2
			"Content-Type: application/json;charset=UTF-8",
			"Cache-Control: no-store",
			"X-Request-Id: {{any_request_id}}",
		},
		Patterns: map[string]string{
			"millis":        `[0-9]{13}`,
			"token":         `[0-9a-f]{32}`,                                         // contracts/oneaccess.md §2.1
			"background":    `iVBORw0KGgoAAAANSUhEUgAAATYAAACb[A-Za-z0-9+/]+={0,2}`, // a PNG of 310 by 155
			"piece":         `iVBORw0KGgoAAAANSUhEUgAAAC8AAACb[A-Za-z0-9+/]+={0,2}`, // a PNG of 47 by 155
			"aes_key":       `[A-Za-z0-9]{16}`,
			"session_token": `[A-Za-z0-9]{32}`, // §2.4
			"jwt":           `[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`,
			"user":          `u[0-7][0-9a-hjkmnp-tv-z]{25}`, // §9
			"pem":           `-----BEGIN PUBLIC KEY-----\\n[A-Za-z0-9+/=\\]+-----END PUBLIC KEY-----`,
			"minute":        `[0-9]+`,
			"hex":           `[0-9a-f]+`,
			"text":          `[^"\\]*`,
			"ticket":        `ssoTicket-[A-Za-z0-9]{32}`, // §8.2
			"kid":           `[A-Za-z0-9]{16}`,           // §9
			"n":             `[A-Za-z0-9_-]{342}`,        // RSA of 2048 bits
			"url":           `http://127\.0\.0\.1:[0-9]+`,
		},
	}
}
