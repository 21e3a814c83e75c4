// Package node owns the lease of a node's number: of all servers on one
// database each has a number of its own, because ids and the leases of messages
// are told apart by it.
//
// It compares no clocks: a lease is alive when its row changes while somebody
// looks on, so that clocks of nodes and of the database may stand as they like.
//
//	Claim  lock <data>/node-N ── another process here has it ─▶ refused
//	       ─▶ row of N: none, or of this folder (a crash left it) ─▶ ours
//	          └ another's: looked at until it changes ─▶ refused
//	                       or stays the same for Life ─▶ ours
//	Start  the row is written anew every Every; when it is another's: Lost
//	Stop   the row is emptied: the next server need not wait
//
// Looks that fail count for nothing: while the database is away nobody's lease
// lapses.
package node
