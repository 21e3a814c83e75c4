// Package route decides which provider carries a message: the first matching
// route of the configuration, ordered or weighted; what a provider's answers say
// of its health; and, for weighted routes, which providers' codes people really
// enter. It asks no store and no carrier, and it never sends a message again:
// it only says in which order providers are to be asked.
//
//	message ─▶ Table.find ─▶ a route's choices ─▶ able? ─▶ ordered as written,
//	              (first match)                             or drawn: weight × conversion
//	        ─▶ those whose breaker is open go behind ─▶ outbox asks one after the other
//
//	outbox ─Submit─▶ gate ─▶ provider        the gate counts what is under way and refuses
//	outbox ◀─done─── gate ◀─ outcome         at once while the breaker is open
//	                  └─▶ Breaker            closed ─5 failures, or silence─▶ open ─pause─▶ half-open
//	verify ─Verified─▶ Conversions           a code that nobody entered in a minute counts against
//	                                         the provider that carried it
//
// Breaker, Table and the conversions are pure: instants and random numbers are
// arguments. Router holds them behind locks. Its state is this process's alone
// and begins anew with it (docs/routing.md).
package route
