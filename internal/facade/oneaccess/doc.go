// Package oneaccess is the façade of contracts/oneaccess.md: captcha, codes,
// login by SMS, sessions, and the calls of an app's backend.
//
// It is wire only: it reads headers and members in the contract's order, calls
// captcha, verify, account and oauth, and encodes. It never sees a store, a
// carrier or a key. End users call it without any secret, so everything that
// they send is counted per address, and nothing tells whether a number has a
// user.
//
//	/api/v2/sdk/*   ─▶ body ─▶ caller (§1.3: client, app, tenant, device) ─▶ members ─▶ formats ─▶ use-case
//	  captcha, captcha/verify ─▶ captcha.Get, Check        sms/send ─▶ captcha.Redeem ─▶ verify.Start
//	  login, mfa, register ───▶ verify.Login               session calls ─▶ X-signature ─▶ account.Sessions
//	/captcha/get, /captcha/check ─▶ the same captcha in the AJ project's envelope
//	/api/v2/tenant/*, /api/v1/oauth2/* ─▶ the backend's calls (backend.go, discovery.go)
//	any error ── errors.go ──▶ {"error_code":"SDK.COMMON.1001","error_msg":"…"} in the caller's language
//
// The first check that fails is the answer.
package oneaccess
