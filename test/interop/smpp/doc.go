// Package smpp holds our SMPP against implementations that are not ours: the
// client against an SMSC made of npm's smpp, and the SMSC against Debian's
// Kannel as its client. The tests need the build tag interop, and what
// scripts/setup.sh installs.
//
//	smpp.Client ──TCP──▶ smsc.js (npm smpp 0.5.1) ──JSON lines──▶ test
//	test ──HTTP──▶ Kannel smsbox ──▶ bearerbox ──TCP──▶ smsc.Server ──▶ test
//	test ◀──HTTP dlr-url── smsbox ◀── bearerbox ◀──receipt── smsc.Server
package smpp
