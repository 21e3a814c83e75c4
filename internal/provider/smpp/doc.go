// Package smpp carries messages to an SMSC over SMPP 3.4
// (contracts/delivery.md §2): one bind_transceiver kept up, submissions within
// a window, receipts and texts from subscribers on the way back. It owns the
// link, its pace and its time-outs. It never decides whether a message is sent
// again, but for one thing: the statuses that the contract says to retry once.
//
//	Submit ── compose ──▶ parts ── window, pace ──▶ link.queue ──▶ wire.Conn ──▶ SMSC
//	done  ◀── submission ◀── link.answered | expire | abandon ◀── submit_sm_resp, or its loss
//	Sink  ◀── link.deliver ◀── deliver_sm;   ack ──▶ deliver_sm_resp
//	run:  dial ─ bind ─ readLoop + WriteLoop + watch ─ abandon ─ wait ─ again
//
// The codec is in smpp/pdu, the connection in smpp/wire, and an SMSC for tests
// and development in smpp/smsc.
package smpp
