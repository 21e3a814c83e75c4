// Package client calls Yanma's open API (CAMARA): one-time passwords by SMS and
// number verification. It gets and keeps access tokens; the calls themselves
// are generated from the OpenAPI files (packages otp and number).
//
//	New ─▶ OTP      one token for 30 minutes: client secret, or private key
//	    ─▶ Number   a token for each call, from the proof that a phone got
//	       └ Authorization, Exchange: the same from a redirect over the mobile network
//
// docs/camara.md shows the same calls with curl.
package client
