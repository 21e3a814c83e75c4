// Package jwt signs and verifies JSON Web Tokens for package oauth: assertions
// and request objects of clients, and the id tokens that go out. It knows keys,
// signatures and registered claims; what a token is good for is the caller's.
//
// It never takes a key out of a token (jku, x5u, jwk and x5c are refused, as is
// crit), never a symmetric one, and never an algorithm that its caller did not
// name (requirement row 30).
//
//	ParseKeySet  public keys only: RSA from 2048 bits, P-256, Ed25519, each with a kid
//	Verify       header: alg allowed, kid known, typ ─▶ signature ─▶ iss sub aud exp iat nbf jti
//	Signer       claims ─▶ compact form, with the key's kid
package jwt
