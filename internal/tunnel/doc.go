// Package tunnel owns WireGuard networks and peers: which addresses and keys a
// user's devices have, what the gateway is told of them, and the configuration
// that a device gets (contracts/yunbox.md §6, §8).
//
// A user has one network: a number, from which the IPv4 block and the IPv6 /64
// follow. Test users have the numbers below all others, so they never share a
// block with a real one. A device has one peer: one host number, which gives
// both its addresses, and its keys, sealed.
//
// It never decides who may have a device (account does), and it never gives a
// private key to anybody but the device: not to the webhook, not to a log.
//
//	verify ──ProvisionUser──▶ lease a number, 60 s ──▶ webhook "user"   ──▶ verify commits users.network
//	                                                                     └─▶ or the lease lapses, the number comes back
//	account ─AddPeer────────▶ lowest free host, keys      (in account's transaction, the device pending 30 s)
//	account ─AnnounceDevice─▶ webhook "device"            ──▶ account activates the device, or takes it back
//	façade ──Config─────────▶ peer + gateway ──▶ wg-quick text or JSON
//
// # What a gateway behind the webhook must do
//
// It gets POST requests with a JSON object: event "user" (a network exists),
// "device" (a peer exists) or "device_removed". Yanma-Signature is
// "t=<Unix seconds>,v1=<hex>", where v1 is the HMAC-SHA-256, under the shared
// secret, of the seconds, a full stop and the body; Idempotency-Key repeats the
// member id, which is the same whenever the same record is sent again. A 2xx
// within the time-out is an agreement, unless its body is a JSON object with a
// non-empty member "refused".
//
// An answer can be lost after the gateway acted. Yanma then creates nothing and
// gives the addresses out again, so the newest record for an address or a
// network number replaces what the gateway had, by the member sent_at.
package tunnel
