// Package plan carries out the fall-back plans of apps: a code that nobody
// entered in time goes out again by the next step, until it is entered, ends, or
// the plan does. It owns the timing only: the new digits, the limits, the money
// and the message are package verify's, the providers package route's. It never
// sends beside them, and it keeps nothing that is not on disk: which step a
// message was stands in the message's own history, so that a killed server goes
// on where it was.
//
//	every second, for each wait that an app's plan has:
//	  codes not entered, whose message was accepted that long ago ─▶ the plan's next step
//	    a step without an able provider is skipped
//	    ─▶ verify.Step ─ refused by a limit: again when that allows it
//	                   ─ entered, ended, replaced: nothing
//	                   ─ sent: its message comes up here after the next wait
//
// On several nodes each carries out the steps of what it accepted itself; those
// of a node that is gone are taken over after some seconds. Two that do it at
// once do it once: the second finds the code with another message.
package plan
