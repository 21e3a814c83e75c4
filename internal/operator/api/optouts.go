package api

import (
	"time"

	"yanma.dev/yanma/internal/core"
)

// OptOut is a number that wants no marketing under a signature.
type OptOut struct {
	ID        string     `json:"id"`
	App       core.AppID `json:"app"`   // whose message was replied to
	Phone     string     `json:"phone"` // masked
	Signature string     `json:"signature"`
	At        time.Time  `json:"at"`
}

// OptOuts is a page.
type OptOuts struct {
	OptOuts []OptOut `json:"opt_outs"`
	Before  string   `json:"before,omitempty"` // of the next page
}

// OptOutRemoval says which one is taken back.
type OptOutRemoval struct {
	Phone     string `json:"phone"`
	Signature string `json:"signature"`
}

// OptOutRemoved tells whether there was one.
type OptOutRemoved struct {
	Phone   string `json:"phone"` // masked
	Removed bool   `json:"removed"`
}
