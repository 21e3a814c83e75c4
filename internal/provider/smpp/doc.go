// Package smpp carries messages to an SMSC over SMPP 3.4
// (contracts/delivery.md §2): transceivers, or transmitters and receivers, kept
// up with or without TLS, submissions within a window, receipts and texts from
// subscribers on the way back. It never decides whether a message is sent again,
// but for one thing: the statuses that the contract says to retry once.
//
//	Submit ── compose ──▶ parts ──▶ link.Client: window, pace ── pdu ──▶ SMSC
//	done  ◀── classify ◀── session.Handle ◀── submit_sm_resp, or its loss
//	Sink  ◀── session.deliver ◀── deliver_sm;   ack ──▶ deliver_sm_resp
//	link.Client: dial ─ session.Login (bind) ─ Handle … ─ unbind, or loss ─ again
//
// The codec is in smpp/pdu, an SMSC for tests and development in smpp/smsc; what
// keeps a link up is in provider/link.
package smpp
