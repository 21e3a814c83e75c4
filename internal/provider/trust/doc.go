// Package trust puts TLS on a connection to a carrier: whom to believe, and what
// to show. It owns the reading of the certificate files, at every connection, so
// that a renewed one counts from the next connection on. It never speaks the
// protocol above, and never goes on without TLS where TLS was asked for.
//
//	dial ──▶ TCP ──▶ handshake: CA file or the system's, server name, own certificate ──▶ conn
//	                     │ somebody else, nobody known, no TLS: an error that says which
package trust
