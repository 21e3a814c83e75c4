// Package operatorapi is what gateways to CAMARA operators share: our key as
// their client (private_key_jwt), tokens, and errors of the API
// (contracts/camara.md §1, §4).
//
// It keeps no token of number verification: each serves one call.
//
//	Bearer(assertion sub operatortoken:…) ─▶ POST token endpoint ─▶ access token of one use
//	Credentials(scope) ─▶ POST token endpoint, client_assertion ─▶ access token, reusable
//	Do(request with a token) ─▶ status, code of the body, or why there is no answer
package operatorapi
