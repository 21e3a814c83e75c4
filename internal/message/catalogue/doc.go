// Package catalogue owns the templates and signatures of apps: their rows, the
// audit that an operator ends with a verdict, and the snapshot that every
// request reads. The rules of what they say are package message's.
//
// It never sends anything, and never tells an app of a verdict by itself: it
// leaves an event for package callback in the same commit.
//
//	app or operator ──Add, Edit──▶ pending ──Judge──▶ approved ─▶ Catalogue ─▶ dispatch, verify
//	                                  ▲                rejected ─┐
//	                                  └────────── Edit ──────────┘
//	approved at once where the operator is a machine (dev mode)
//
// Every change is one transaction with its audit row and the next revision of
// the configuration; other nodes see it within a second.
package catalogue
