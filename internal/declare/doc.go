// Package declare owns what an operator's stanza may say about somebody else's
// HTTP interface: templates with {names}, JSON documents of them, signatures,
// and where in a JSON answer a value is. Providers of messages and gateways of
// carriers both use it; it calls nobody and knows no name itself.
//
//	stanza ─▶ Parse, ParseDocument, NewDigest     once, with lines for mistakes
//	request ─▶ Render(values) ─▶ Digest.Of ─▶ body, header
//	answer ─▶ ParseJSON ─▶ At(path) ─▶ text
package declare
