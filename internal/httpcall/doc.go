// Package httpcall owns calls to HTTP servers of others that may be slow,
// broken or hostile: a carrier's API, a customer's webhook. Every part of an
// answer is bounded, nothing is followed, and an error tells whether a byte of
// the request had left. It never retries by itself what has no Idempotency-Key,
// and no error or log line of it holds an address or a header.
//
//	Do(ctx, request) ─▶ connection: kept one, or dial + TLS within ConnectTimeout
//	                 ─▶ request written ─▶ answer: header ≤ 64 KiB, body ≤ MaxAnswer, until ctx ends
//	                 ─▶ Answer{Status, Header, Body}
//	                 or Error{Sent: false}  nothing was written: may be sent elsewhere
//	                 or Error{Sent: true}   the other side may have acted on it
package httpcall
