// Package yunbox is the façade of contracts/yunbox.md: SMS login, users,
// devices, tunnel configurations.
//
// It is wire only: it decodes, authenticates, calls a use-case and encodes. It
// holds no rule about codes, money or devices, and never sees a store.
//
//	POST /get-code ─────────────────────▶ verify.Start
//	POST /check-code ───────────────────▶ verify.Login, LoginTest
//	POST /u/{uid}/devices ──────────────▶ account: Resolve, Devices.Create
//	GET  /u/{uid}/devices ──────────────▶ account: Resolve, Devices.List
//	GET  /u/{uid}/devices/{id}/tunnel ──▶ account: Resolve ─▶ tunnel
//	any error ── errors.go ─────────────▶ {"code":"0075","msg":"…"}
//
// The order of checks in each handler is the contract's: the first that fails
// is the answer.
package yunbox
