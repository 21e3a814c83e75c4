// Package web holds the pages that Yanma serves, as embedded files: now the
// pages of `yanma dev`. It knows no use-case: pages talk to the server
// over HTTP like anybody else, and load nothing from elsewhere.
//
//	browser ── GET /handset ──────────────▶ page, style, script (embedded)
//	script  ── GET /handset/api/messages ─▶ what the SMSC parsed from PDUs (internal/dev)
package web
