// Package callback tells apps what happened: receipts of their messages, texts
// of subscribers, verdicts on templates and signatures. An event is a row that
// was written in the commit of what it tells of; it is told by a call to the
// app's URL, or handed out once when the app asks. A call is repeated after 3
// minutes, 1 hour and 12 hours, and then given up (contracts/jsms.md §10). Told
// at least once: each call carries the event's id. The package makes no
// dialect's bytes (a façade's Encoder does) and never calls an internal address.
//
//	outbox, reply, templates ─[event row]─▶ database
//	                                           │ due, of apps with a URL
//	  pass: a page of an app ─[claim: lease]───┘
//	          └▶ 4 calls at a time: Encoder ─▶ Guard (the dialled address) ─▶ POST
//	                200 ─▶ told;  else ─▶ due again, or dead
//	  GET …/report ─▶ Take: the oldest that wait, once each
//
// Every app has its own page at work: an endpoint that answers nothing keeps
// nobody else waiting. Of several servers the one that claimed a page calls; a
// claim that a crash left lapses.
package callback
