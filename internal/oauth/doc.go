// Package oauth is the authorization server: it authenticates clients, runs the
// grants, keeps authorization codes and access tokens, and is the only place
// that signs tokens. Dialects bring the wire (internal/facade/camara).
//
// It never asks a carrier anything (numberverify does), never shows a page, and
// keeps no token, code or number in the clear: tokens and codes are found by
// their hashes, what they stand for is sealed.
//
//	Token      client: assertion or secret ─▶ grant: scopes ─▶ opaque token, kept for its life
//	Authorize  client, redirect URI ─▶ parameters or request object ─▶ network proof ─▶ code, 60 s
//	Find       a bearer token ─▶ what it may do
//	Claim      a single-use token is taken ─▶ the answer was 200: gone
//	                                        └ any other: GiveBack
//	Keys       RSA keys that sign id tokens; a rotated one is published as long as a token can live
//	           IDToken, PublicPEM, OpenSignature: those of an app of the oneaccess dialect
//	StateTokens  HS256 names of half logins: one header, compared as text
package oauth
