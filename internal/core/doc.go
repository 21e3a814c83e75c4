// Package core is Yanma's vocabulary: phone numbers, codes, ids, credits,
// purposes, channels and the one error type. It imports nothing of ours and
// does no input or output.
//
//	caller's literal ── guard ──▶ Phone ──▶ every use-case
//	random bytes ───── verify ──▶ Code  ──▶ message text, HMAC; never a log
//	any failure  ────────────────▶ Error{Kind} ──▶ façade/errors.go ──▶ the dialect's own code
//
// The types that hold personal data or secrets (Phone, Code, Secret) mask
// themselves in fmt, slog and JSON. The raw value needs a call whose name says
// so: Phone.E164, Code.Digits, Secret.Reveal.
package core
