// Package gateway is a CMPP gateway (ISMG) in the process: it listens on TCP and
// speaks CMPP 2.0 and 3.0 (contracts/delivery.md §3) to any client. Tests script
// it. What it reports was parsed from packets; nothing else goes from the sender
// to it. It keeps no message, takes one destination a SUBMIT, and everything
// that it holds has a bound.
//
//	TCP ─▶ session: CONNECT ─▶ SUBMIT ─▶ Config.Decide(Part) ─▶ Behaviour
//	                                  ├─▶ SUBMIT_RESP: now, later, never, or the connection cut
//	                                  ├─▶ parts put together ─▶ Config.Handle(Message)
//	                                  └─▶ schedule ─▶ deliveries ─▶ DELIVER (report) ─▶ its answer
//	Server.SendText ─▶ deliveries ─▶ DELIVER (a subscriber's text)
package gateway
