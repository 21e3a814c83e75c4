// Package cmpp holds our CMPP against an implementation that is not ours:
// gocmpp's client against our gateway, and our client against gocmpp's server,
// both over TCP, in 2.0 and 3.0. The tests need the build tag interop and
// nothing that is not in go.mod.
//
//	cmpp.Client ──TCP──▶ gocmpp Server ── handler ──▶ test
//	gocmpp Client ──TCP──▶ gateway.Server ── Decide, Handle ──▶ test
package cmpp
