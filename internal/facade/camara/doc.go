// Package camara is the façade of contracts/camara.md, Yanma's own public API:
// one-time passwords by SMS, number verification, and the endpoints of the
// authorization server.
//
// It is wire only: it decodes, authenticates, calls a use-case and encodes. It
// holds no rule about codes, tokens or money, and never sees a store.
//
//	POST /one-time-password-sms/v1/send-code ─────▶ verify.Start
//	POST /one-time-password-sms/v1/validate-code ─▶ verify.Validate
//	POST /number-verification/v2/verify ──────────▶ oauth.Claim ─▶ numberverify.Verify
//	GET  /number-verification/v2/device-phone-number ─▶ oauth.Claim ─▶ numberverify.Fetch
//	GET  /oauth2/authorize, POST /oauth2/token ───▶ oauth.Authorize, Token
//	any error ── errors.go ───────────────────────▶ {"status":400,"code":"INVALID_ARGUMENT","message":"…"}
//
// The order of checks is contracts/camara.md §1: path, method, x-correlator,
// token, scope, authentication method, media type, size and schema, limits.
package camara
