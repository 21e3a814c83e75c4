// Command bench measures Yanma as ratios in one run on one machine: a server,
// a load generator, an SMPP sink and a floor, each real, each in a process of
// its own except the generator, which is this one.
//
//	bench floor   a bare net/http handler that decodes the same JSON and answers a constant
//	bench sink    an SMSC that tells this process the codes it parsed from PDUs
//	bench counter an SMSC that counts, for messages beside Kannel
//	bench submit  our SMPP client alone, from memory
//	bench run     starts those and the server, drives them, writes bench/results/
//
// A flow is send (durable, paid, submitted over SMPP) + check + login, with a
// new number each time. The floor's flow is two requests. Nothing is switched
// off in the server: limits, ledger, receipts, request log, fsync.
package main
