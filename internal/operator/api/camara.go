package api

import "yanma.dev/yanma/internal/tenant"

// AppWithClient is the answer of POST /admin/apps/{app}/camara.
type AppWithClient struct {
	App          tenant.AppView `json:"app"`
	ClientID     string         `json:"client_id"`
	ClientSecret string         `json:"client_secret,omitempty"` // only where one was drawn
}

// SigningRotation is the body of POST /admin/signing-key/rotate.
type SigningRotation struct {
	Overlap int `json:"overlap_seconds,omitempty"` // how long the old key is published; an hour at least
}

// SigningKey is its answer.
type SigningKey struct {
	KeyID string `json:"kid"`
}
