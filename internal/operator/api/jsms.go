package api

import (
	"time"

	"yanma.dev/yanma/internal/tenant"
)

// JSMSRotation is the body of POST /admin/apps/{app}/jsms/rotate-key.
type JSMSRotation struct {
	Developer     bool       `json:"developer,omitempty"`       // the developer's pair instead of the app's
	OldValidUntil *time.Time `json:"old_valid_until,omitempty"` // absent: the old secrets end at once
}

// AppWithJSMS is its answer, the only one that holds a secret: appKey and
// masterSecret, or devKey and apiDevSecret.
type AppWithJSMS struct {
	App    tenant.AppView `json:"app"`
	Key    string         `json:"key"`
	Secret string         `json:"secret"`
}
