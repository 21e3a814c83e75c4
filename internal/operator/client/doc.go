// Package client calls the operator API: one method an endpoint. The command
// line uses it. It holds the token and nothing else, and never retries: who
// repeats a top-up gives it an Idempotency-Key.
//
//	internal/cli ──▶ Client ──HTTP──▶ internal/operator
//	             ◀── value, or *Error with the server's own sentence
package client
