// Package cmpp carries messages to a gateway (ISMG) of China Mobile, or of an
// aggregator for all carriers, over CMPP 2.0 and 3.0 (contracts/delivery.md §3):
// connections kept up, SUBMIT within a window, reports and subscribers' texts
// on the way back. It takes mainland numbers only and never sends a message
// again.
//
//	Submit ── compose ──▶ parts ──▶ link.Client: window, pace ── pdu ──▶ gateway
//	done  ◀── classify ◀── session.Handle ◀── SUBMIT_RESP, or its loss
//	Sink  ◀── session.deliver ◀── DELIVER;   ack ──▶ DELIVER_RESP
//	link.Client: dial ─ session.Login (CONNECT; 3.0, else 2.0) ─ Handle … ─ TERMINATE, or loss ─ again
//
// The codec is in cmpp/pdu, a gateway for tests in cmpp/gateway; what keeps a
// link up is in provider/link. Client and gateway are both ours, so that their
// agreement alone proves nothing: what counts as interoperability is the codec
// held against gocmpp's in both directions (cmpp/pdu), gocmpp's client against
// our gateway and our client against gocmpp's server over TCP
// (test/interop/cmpp), and the vectors of the contract.
package cmpp
