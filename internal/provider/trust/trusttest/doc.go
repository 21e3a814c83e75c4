// Package trusttest makes certificate authorities and certificates for the tests
// of TLS. It is for tests only.
//
//	New ──▶ CA ──▶ File: what the client believes
//	          └──▶ Server, ServerForClients: what the server shows, and asks for
package trusttest
