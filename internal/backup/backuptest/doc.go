// Package backuptest makes a small database in which every table has a row and
// every state that a restore or a check looks at is there, typed by hand.
//
//	Fill ─┬─ records: tenant, app, network, device, audit …
//	      └─ one batch: codes, messages, users, money
//	           ▼
//	      World: which of them are alive
package backuptest
