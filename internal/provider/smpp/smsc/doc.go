// Package smsc is an SMSC in the process: it listens on TCP and speaks SMPP
// 3.4 (contracts/delivery.md §2) to any client. Tests script it and `yanma
// dev` shows on the handset what it took. What it reports was parsed from
// PDUs; nothing else goes from the sender to it. It keeps no message: the
// handler decides what to keep, and everything else it holds has a bound.
//
//	TCP ─▶ session: bind ─▶ submit_sm ─▶ Config.Decide(Part) ─▶ Behaviour
//	                                  ├─▶ answer: now, later, never, or the connection cut
//	                                  ├─▶ parts put together ─▶ Config.Handle(Message)
//	                                  └─▶ schedule ─▶ deliveries ─▶ deliver_sm (receipt) ─▶ its answer
//	Server.SendText ─▶ deliveries ─▶ deliver_sm (a subscriber's text)
package smsc
