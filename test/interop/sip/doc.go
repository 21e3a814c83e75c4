// Package sip holds our calls against a SIP implementation that is not ours:
// Debian's sip-tester (sipp) is the callee. The digits are recognised in the RTP
// that arrives at the address of the callee's description. The tests need the
// build tag interop, and what scripts/setup.sh installs.
//
//	sip.Client ──SIP──▶ sipp, a scenario of testdata
//	           ──RTP──▶ the test's socket ──▶ listen.Recogniser ──▶ "042917042917"
package sip
