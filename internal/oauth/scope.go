package oauth

import (
	"slices"
	"strings"

	"yanma.dev/yanma/internal/tenant"
)

// purposePrefix marks the one scope that says what the data is for.
const purposePrefix = "dpv:"

// longestScope is more than any client needs, in bytes.
const longestScope = 1024

// parseScope reads a scope parameter against what a client may have
// (contracts/camara.md §4.2 "Scope and purpose"). It keeps the caller's order.
func parseScope(text string, client *tenant.OAuthClient, wantPurpose bool) ([]string, error) {
	if len(text) > longestScope {
		return nil, refuse("invalid_scope", "The scope is too long.")
	}
	var scopes []string
	purposes, rights := 0, 0
	for _, scope := range strings.Split(text, " ") {
		if scope == "" || slices.Contains(scopes, scope) {
			continue
		}
		scopes = append(scopes, scope)
		switch {
		case strings.HasPrefix(scope, purposePrefix):
			if !isPurpose(scope[len(purposePrefix):]) {
				return nil, refuse("invalid_scope", "A purpose is written dpv:Name.")
			}
			purposes++
		case !slices.Contains(client.Scopes, scope):
			return nil, refuse("invalid_scope", "A scope is unknown or not granted to the client.")
		case scope != tenant.ScopeOpenID:
			rights++
		}
	}
	switch {
	case rights == 0:
		return nil, refuse("invalid_scope", "The scope names nothing to do.")
	case purposes > 1:
		return nil, refuse("invalid_scope", "There is more than one purpose (dpv:).")
	case purposes == 0 && (wantPurpose || client.RequirePurpose):
		return nil, refuse("invalid_scope", "A purpose (dpv:) is missing.")
	}
	return scopes, nil
}

// isPurpose takes the name of a term of the Data Privacy Vocabulary.
func isPurpose(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9' || i == 0) && (c != '-' && c != '_' || i == 0) {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// isNumberScope tells scopes whose tokens serve one call.
func isNumberScope(scope string) bool {
	return scope == tenant.ScopeNumberVerify || scope == tenant.ScopeNumberRead
}
