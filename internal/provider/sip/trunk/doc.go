// Package trunk owns the other end of a SIP trunk, for tests and `yanma dev`: it
// answers on loopback as a carrier and its subscribers would, by number, and
// keeps what was spoken. It knows enough of SIP for that (UDP, one dialog a call)
// and is not built on the stack that the client uses.
//
//	INVITE ─▶ Decide(number) ─▶ Behaviour{ring, answer, refuse, hang up, press keys, say nothing}
//	RTP ─▶ listen.Recording ─▶ the call's end ─▶ Handle(Call)
//	Lose(packet) ─▶ faults: either direction, any message
package trunk
