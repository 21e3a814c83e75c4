// Package tenant owns the tenants, their apps with all settings, the keys that
// apps authenticate with, and the configuration cache that every request
// reads. It also imports the keys and users of a vendor account.
//
// It never stores a key in the clear, never shows one twice, and never looks a
// user up: account does.
//
//	operator ──▶ Admin ──▶ one transaction: rows, audit row, revision + 1
//	                │                                │
//	                └─▶ this node's Directory        └─▶ other nodes' Directory, within a second
//	                         │ immutable snapshot behind an atomic pointer
//	façade ──AppByKey(key)───┴──▶ *App, for the whole request
package tenant
