//go:build interop

// Package browser opens the pages of a real server in Debian's Chromium, as a
// person would, and proves what they show. It never reads the page's source.
//
//	yanma dev ◀── HTTP ── page in Chromium ◀── DevTools ── test
//	    ▲──── get-code, check-code ────────────────────────┘
package browser
