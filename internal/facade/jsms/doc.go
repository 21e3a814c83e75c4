// Package jsms is the façade of contracts/jsms.md: SMS and voice codes, template
// messages, batches, schedules, templates, signatures, balances, reports.
//
// It is wire only: it decodes, authenticates, calls a use-case and encodes. It
// holds no rule about codes, texts or money, and never sees a store.
//
//	POST /v1/codes, /v1/voice_codes ──▶ verify.Start (PurposeCode: by an id of its own)
//	POST /v1/codes/{msg_id}/valid ────▶ verify.Validate
//	/v1/messages, /messages/batch ────▶ message: Send
//	/v1/schedule… ────────────────────▶ message: Schedules
//	/v1/templates…, /v1/sign… ────────▶ message: Templates, Signatures
//	/v1/accounts/app, /accounts/dev ──▶ billing
//	/v1/report, /v1/reply ────────────▶ callback: Pull
//	any error ── errors.go ───────────▶ {"error":{"code":50006,"message":"invalid mobile"}}
//
// The order of checks is the contract's (§1.3): the first that fails is the
// answer. callback.go encodes what an app is told at its URL (§10).
package jsms
