// Package dev owns what `yanma dev` adds to the server: an SMSC on loopback
// that speaks real SMPP over TCP, the handset that shows what it parsed from
// PDUs, a simulated tunnel gateway behind a real webhook, one demo tenant with
// its app, and dev.json. It changes no rule of the server: everything passes
// through the same sockets as in production.
//
//	curl ─▶ server ─▶ outbox ─▶ SMPP over TCP ─▶ SMSC ─▶ handset ─▶ page, /handset/api/messages
//	first login ─▶ webhook over HTTP ─▶ /sim/tunnel ─▶ accepted
//
// The folder's dev-secrets.json keeps the demo app's key and the operator
// token between two starts; it and dev.json are readable by the owner only.
package dev
