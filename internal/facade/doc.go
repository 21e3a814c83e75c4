// Package facade is what every dialect shares: which requests belong to which
// façade, how a body is read and decoded, how an answer is written, and the
// one wrapper around every request. Each dialect is a package below it.
//
// It never holds a rule of the business, never sees a store, and never decides
// what a dialect's error looks like: a Facade brings its own Refuse.
//
//	request ─▶ Handler: request id, source address, panic recovery, one Event
//	        ─▶ mount: host, prefix, owned path ── nobody's ─▶ native 404
//	        ─▶ route: method (405 + Allow), requests at once, body cap
//	        ─▶ dialect: decode ─▶ authenticate ─▶ use-case ─▶ append the answer
//	                       └── error ─▶ Refuse: the dialect's own shape
//	        ─▶ headers, one write, Observer
package facade
