// Package pace owns how fast a provider hands messages over: a configured rate,
// and the rest and slower rate that a throttling answer asks for
// (contracts/delivery.md §2.4). It only says how long to wait; whoever asks does
// the waiting, and knows when a message's life ends meanwhile.
//
//	Submit ── Reserve(now) ──▶ how long until this one may leave
//	answer "throttled" ── Throttled(now) ──▶ 1 s rest, half the rate for 10 s
package pace
