// Package provider is the port between the outbox and whatever carries a
// message: an SMSC over SMPP, a gateway over CMPP or HTTP, a telephone call.
// It owns the interface, the classes of outcome and receipt, and the suite
// that every implementation passes (provider/providertest). It never sees the
// store, a façade or a rule about money; it never retries a message whose
// outcome is unknown.
//
//	outbox ──Submit(Message, done)──▶ provider ──▶ carrier
//	outbox ◀──────done(Outcome)────── provider ◀── answer, or its loss
//	outbox ◀──Receipt(r, ack)──────── provider ◀── delivery receipt
//	        ───────ack(nil)─────────▶ provider ──▶ the carrier is answered: stored
package provider
