package oauth

// Keys are the RSA keys that sign id tokens.
type Keys struct{}
