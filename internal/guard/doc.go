// Package guard decides what may be tried and how often: frequency limits and
// their data, the failure locks, which numbers and countries an app may reach,
// and whose address a request counts against. It owns the limiter port;
// guard/memory implements it for one node.
//
// It never touches money, never looks up a credential, and never keeps a
// number: a limiter sees 64-bit subjects that keyring computed.
//
//	literal ──ParsePhone──▶ core.Phone ──keyring──▶ base ─┐
//	request ──SourceIP────▶ address ──────────────────────┤
//	                    Rules.SendBuckets ◀───────────────┘
//	                          │ buckets
//	                          ▼
//	  Limiter.Take ── refused ──▶ core.KindRateLimited, exact RetryAfter
//	          │ Taken
//	          ├─ Journal ──▶ the store command's row ──▶ Limiter.Load at the next start
//	          └─ GiveBack ◀── the send was refused later
package guard
