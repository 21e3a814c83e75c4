// Package submail is the façade of contracts/submail.md: "is this the number of
// this SIM?", one-click login, and the browser script that gets the proof.
//
// It is wire only: it decodes forms, multipart and JSON, checks who calls in the
// contract's order, calls numberverify and encodes. It never sees a carrier, a
// price or a store.
//
//	POST /vfmobile/verify ──▶ form ─▶ caller (steps 1–9) ─▶ signature (10–14) ─▶ values (15–18) ─▶ numberverify.Verify
//	POST /ocl/getMobile[_v2] ▶ the same with other codes ───────────────────────────────────────▶ numberverify.Fetch
//	GET  /service/* ─────────▶ time, status
//	GET  /libraries/js/vfmobile.min.js ─▶ script/vfmobile.js as it stands in the tree
//	GET  /vfmobile/init ─────▶ session, numberverify.Devices;  POST /vfmobile/token ─▶ numberverify.Report
//	any error ── errors.go ──▶ {"status":"error","code":1308,"msg":"…","msg_id":"…"}
//
// The first check that fails is the answer.
package submail
