package api

import (
	"time"

	"yanma.dev/yanma/internal/tenant"
)

// SubmailRotation is the body of POST /admin/apps/{app}/submail/rotate-key.
type SubmailRotation struct {
	AppID         string     `json:"appid,omitempty"`           // which of several, or the one to be given
	OldValidUntil *time.Time `json:"old_valid_until,omitempty"` // absent: the old keys end at once
}

// AppWithSubmail is its answer, the only one that holds an appkey.
type AppWithSubmail struct {
	App    tenant.AppView `json:"app"`
	AppID  string         `json:"appid"`
	AppKey string         `json:"appkey"`
}
