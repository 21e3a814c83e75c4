// Package api is the operator API's JSON where tenant has no view for it. The
// server writes it, the client reads it; openapi.yaml describes it.
//
//	operator ──▶ JSON ──▶ operator/client ──▶ internal/cli
package api
