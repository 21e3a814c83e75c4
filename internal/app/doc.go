// Package app is the wiring: explicit lines that make one server out of all
// packages, the order in which it starts and stops, and the two listeners.
// It is the only package that imports everything, and holds no rule.
//
//	Open   folder ─ keyring ─ database ─ migrations ─ limits of the last day ─ directory ─ use-cases ─ façades
//	Start  store ─ outbox ─ providers ─ rotation, sweeps ─ listeners            answers from here on
//	Stop   readyz says no ─ listeners drain ─ outbox drains ─ providers unbind ─ store ─ database ─ log
package app
