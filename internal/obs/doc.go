// Package obs is what an operator sees of a running server: its log, its
// metrics and its health. It owns the log's writer and the shape of the one
// event that every request leaves.
//
// It never decides anything, never holds up a request for longer than its
// buffer's bound, and shows no number, code or secret: the types of core mask
// themselves, and what looks like a number in any line is masked once more.
//
//	facade.Handler ─Event─▶ Requests ─┬─▶ one JSON line ─▶ Writer ─(≤ 100 ms; at once from warnings on)─▶ stderr | file
//	everybody else ─slog──▶ Logger ───┘                                 counted when it must be lost
//	                        Requests ───▶ Metrics ◀── Sources: store, outbox, providers, limiter, log
//	                                      └─▶ /metrics        Health ─▶ /healthz, /readyz
package obs
