// Package reply owns the texts that subscribers send: kept with number and text
// sealed, acknowledged to the carrier when they are on disk, once each where
// the carrier gives an id. It finds the app that a text is for, reads opt-outs,
// and leaves an event for the app in the same commit (package callback tells
// it). It never sends anything and knows no dialect.
//
//	provider ─[Inbound]─▶ inbox ─▶ a turn of them
//	            find the app: the sender it was sent to, else the latest message to the number
//	            is it an opt-out word?  ─▶ Optout port
//	            one transaction: reply row + event ─▶ ack
//
// A turn whose transaction failed is answered with an error, so that the
// carrier sends the texts again; what was stored all the same is found again by
// the carrier's id.
package reply

// TextField is the field name under which the text of a reply is sealed.
const TextField = "reply.text"
