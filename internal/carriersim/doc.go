// Package carriersim is the carriers' side of number verification for `yanma
// dev` and tests: it makes proofs as a phone's browser would get them, and
// answers our gateways over real sockets (contracts/carriers.md §7).
//
// It shares no code with the gateways but the signature formulas of their
// contract, which are pinned to its vectors, and it keeps nothing on disk.
//
//	POST /sim/carrier/token ─▶ proof{carrier, number, outcome, life} ─▶ Report (as our script would)
//	gateway ─▶ /sim/openapi/rs/tokenValidate · /sim/unisdk/rsapi/loginTokenValidate     China Mobile
//	        ─▶ /sim/declared/verify                                                     what a partner contract describes
//	        ─▶ /sim/camara/oauth2/token · number-verification/v2/… · sim-swap/v2/…      a CAMARA operator
//	        ─▶ signature, time, msgId ─▶ proof taken once ─▶ its outcome: honest, scripted, late, broken
//	POST /sim/simswap ─▶ what the operator says of a number's SIM
//	POST /sim/reset   ─▶ all forgotten
package carriersim
