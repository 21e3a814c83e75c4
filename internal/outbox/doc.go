// Package outbox owns durable delivery: what was accepted and paid for is
// handed to a carrier, its outcome and receipts are recorded, and whatever was
// interrupted is taken up again. The state machine is the one table of
// contracts/delivery.md §8; every rule is a pure decision on the rows of a
// batch. The outbox never sees a façade or an HTTP request, never makes a code
// or a text, and never sends a message whose outcome is unknown more than once
// again.
//
//	use-case ─[Enqueue: reserved, leased here]─▶ commit ─▶ HandOff ─▶ queue
//	                                                                   │
//	   sender:   queue ─▶ Route ─▶ provider.Submit ─▶ done ─▶ outcomes ┘ not written: next provider
//	   recorder: outcomes ─[RecordOutcomes]─▶ submitted | unknown | dead | queued | leased again
//	             receipts ─[RecordReceipts]─▶ delivered | undelivered ─▶ ack
//	   sweep:    Due ─[Recover]─▶ lapsed leases, resends, retries, expiry ─▶ queue
//
// Natural batching: while one commit runs, the next outcomes gather; there is
// no goroutine, timer or commit of its own for a message.
//
// # What a lease proves
//
// A row says "leased" from its insert until its outcome is recorded. When a
// lease ran out, the sweep has to know whether bytes may have been written:
//
//   - The node that holds it, in the life that took it, knows: the message is
//     in flight (the lease is renewed) or it never reached a provider, because
//     the queue was full or the commit's answer was lost (leased → queued →
//     leased: sent as if for the first time).
//   - A lease from an earlier life of this node, or of a node that is gone: the
//     bytes may have been written and the answer lost in the crash. The outcome
//     is unknown: leased → unknown, held for a possible receipt, then sent at
//     most once more while its code lives.
//
// Ids are in time order and never repeat over a restart, so "taken in this
// life" is a comparison with the first id of this life.
//
// # Duplicates
//
// A message is sent a second time only after an unknown outcome, or after a
// receipt that says that the first copy was not delivered; never after
// ValidUntil. After an unknown outcome it is sent once more at most: Resends is
// at most 1 over crashes and failover together. A refusal after an unknown outcome leaves the message
// unknown, because the first copy may have arrived.
//
// # Failover
//
// Who refused a message, and whose copy was reported as not delivered, is never
// asked for it again: failover.go reads that from the message's history. A
// receipt that is undelivered makes the message due at once; the sweep finds out
// whether its route has a provider left, and tells the app only when there is
// none. A receipt by which the first copy was delivered after all ends the
// message as delivered, whatever became of the second.
//
// # Faults of the store
//
// An outcome whose commit failed is recorded again until it is on disk:
// recording twice changes nothing. A receipt whose commit failed is answered
// with an error, so that the carrier sends it again.
package outbox
