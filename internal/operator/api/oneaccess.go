package api

import (
	"yanma.dev/yanma/internal/tenant"
)

// AppWithOneAccess is the answer of POST /admin/apps/{app}/oneaccess.
type AppWithOneAccess struct {
	App          tenant.AppView `json:"app"`
	ClientID     string         `json:"client_id,omitempty"`     // none for a subscription: it is its template's
	ClientSecret string         `json:"client_secret,omitempty"` // only where one was drawn
}
