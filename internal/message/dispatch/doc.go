// Package dispatch sends messages that are made of templates, for every dialect:
// one, up to a thousand in one commit, and later at a time that the app says.
//
// It never talks to a carrier (outbox does), never decides what a template may
// say (package message), and knows no dialect: a façade finds the template and
// the signature in the catalogue and makes one call.
//
//	Send, Batch  render ─▶ opted out? ─▶ limits, all or none ─▶ [charged + leased] one commit ─▶ outbox
//	Schedule     render ─▶ can it be paid? ─▶ [schedule + recipients] one transaction
//	Scheduler    due ─[claim a page]─▶ limits ─▶ [charged + leased, or refused] ─▶ outbox ─[end the page]
//
// A schedule's recipients have the ids of their messages from the beginning: a
// page that was interrupted anywhere is claimed again, by whichever node, and a
// message that is there already is left alone. So each is sent once.
package dispatch
