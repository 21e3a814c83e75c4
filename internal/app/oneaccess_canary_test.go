package app

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"yanma.dev/yanma/internal/facade/facadetest"
	"yanma.dev/yanma/internal/tenant"
)

// canaryMoved is the number that a user of the oneaccess dialect changes to.
const canaryMoved = "13912340007"

// oneAccess registers, logs in, changes its number and ends, and puts numbers
// and tokens where they do not belong.
func (c *canaries) oneAccess() {
	t := c.t
	apps, err := c.operatorClient().Apps(t.Context(), 0)
	ok(t, err)
	id := apps[0].ID
	ok(t, c.admin.EnsureDialect(t.Context(), operatorOfTests, id, tenant.DialectOneaccess))
	view, secret, err := c.admin.SetOneAccess(t.Context(), operatorOfTests, id, tenant.OneAccessPatch{NewSecret: true})
	ok(t, err)
	off := tenant.GuardOff
	_, err = c.admin.UpdateApp(t.Context(), operatorOfTests, id, tenant.Patch{Guard: &off})
	ok(t, err)
	c.risk(secret.Reveal(), "a client's secret")
	w := &oneAccessServer{whole: &whole{App: c.App, clock: facadetest.NewClock(time.Now())}, clients: [2]string{view.Settings.OneAccess.ClientID, ""}}
	device := map[string]string{"X-device-fingerprint": c.risk("fingerprint-canary-0001", "a device"), "X-agent": c.risk("agent-canary-0001", "a browser"),
		"X-device-ip": c.risk("192.0.2.231", "a device's address")}
	post := func(path, body string, more ...string) string {
		header := map[string]string{}
		for name, value := range device {
			header[name] = value
		}
		for i := 0; i < len(more); i += 2 {
			header[more[i]] = more[i+1]
		}
		_, _, answer := w.post(path, body, header)
		for _, token := range regexp.MustCompile(`"(session_token|id_token|state_token|sso_ticket)":"([^"]+)"`).FindAllStringSubmatch(answer, -1) {
			c.risk(token[2], "a "+token[1])
		}
		return answer
	}
	code := func(number, kind string) string {
		c.mu.Lock()
		delete(c.codes, number)
		c.mu.Unlock()
		pass := c.risk(w.passOn(number, device), "a pass")
		if got := post("sms/send", fmt.Sprintf(`{"mobile":%q,"type":%q,"captcha_token":"%s"}`, number, kind, pass)); got != "" {
			t.Fatalf("send: %s", got)
		}
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
			c.mu.Lock()
			code := c.codes[number]
			c.mu.Unlock()
			if code != "" {
				return code
			}
			if time.Now().After(end) {
				t.Fatalf("no code for %s", number)
			}
		}
	}
	answer := post("register/mobile-verify-code", fmt.Sprintf(`{"mobile":%q,"verify_code":%q,"name":%q,"email":%q,"extension":{"x":%q}}`, canaryInput,
		code(canaryInput, "REGISTER_SMS"), c.risk("Name of a Canary", "a name"), c.risk("canary@example.com", "an e-mail address"), c.risk("extension-canary-1", "an extension")))
	if !strings.Contains(answer, "SUCCESS") {
		t.Fatalf("register: %s", answer)
	}
	_, _, text := w.ask(http.MethodGet, "/api/v2/sdk/public-key", "", device)
	var answered struct {
		Key string `json:"public_key"`
	}
	ok(t, json.Unmarshal([]byte(text), &answered))
	block, _ := pem.Decode([]byte(answered.Key))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	ok(t, err)
	w.key = key.(*rsa.PublicKey)
	signed := func() []string { return []string{"X-signature", c.risk(w.signature(nil), "an X-signature")} }
	if got := post("mobile/update", fmt.Sprintf(`{"mobile":%q,"verify_code":%q}`, c.risk(canaryMoved, "a number"), code(canaryMoved, "UPDATE_MOBILE_SMS")), signed()...); !strings.Contains(got, "SUCCESS") {
		t.Fatalf("update: %s", got)
	}
	post("session-token/refresh-id-token", "", signed()...)
	for _, path := range []string{"captcha/verify", "sms/send", "login/mobile-verify-code", "mfa/sms", canaryInput} {
		post(path, canaryInput, "X-state-token", canaryInput, "X-signature", canaryInput, "X-tenant-id", canaryInput)
		post(path, fmt.Sprintf(`{"mobile":"%[1]s0","type":%[1]q,"token":%[1]q,"sender":"%[1]s0","point_json":%[1]q,"verify_code":"%[1]s","captcha_token":%[1]q}`, canaryInput))
	}
	post("login/mobile-verify-code", "{}", "X-client-id", canaryInput)
}
