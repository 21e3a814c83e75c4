// Package operator is the REST API under /admin: what the command line, and
// later the console, change a running server with. It is described in
// openapi.yaml, which it also serves.
//
// It owns the wire: the token, strict JSON, the native error shape, and that a
// retried top-up is made once. It holds no rule about apps (tenant does),
// money (billing does) or keys (rotation does), and no answer of it but the first holds a secret.
//
//	own listener ─▶ facade.Handler: request id, body cap, no-store, one Event
//	             ─▶ token (failures are limited per address) ─▶ decode, unknown members refused
//	             ─▶ tenant.Admin │ billing.TopUp, verify.Counters through the batcher │ rotation │ providers
//	             ─▶ JSON, or {"error":{"code":"…","message":"…"}}
//	/metrics, /healthz, /readyz: handlers of obs, without a token
package operator
