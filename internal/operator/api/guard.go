package api

import (
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// Guard is what is set of the fraud guard. Numbers on its list are only
// counted: nobody can read them back.
type Guard struct {
	Mode       tenant.GuardMode `json:"mode"`       // the operator's; "" = the configuration's
	Configured tenant.GuardMode `json:"configured"` // the configuration's
	Prefixes   []string         `json:"prefixes"`
	Networks   []string         `json:"networks"`
	Apps       []core.AppID     `json:"apps"`
	Numbers    int              `json:"numbers"`
}

// GuardPatch changes it: what is nil stays as it is, a list is replaced.
type GuardPatch struct {
	Mode     *tenant.GuardMode `json:"mode,omitempty"`
	Prefixes *[]string         `json:"prefixes,omitempty"` // leading digits with the calling code
	Networks *[]string         `json:"networks,omitempty"`
	Apps     *[]core.AppID     `json:"apps,omitempty"`
}

// GuardNumbers changes which numbers are always allowed.
type GuardNumbers struct {
	Add    []string `json:"add,omitempty"` // E.164, or as CN writes them
	Remove []string `json:"remove,omitempty"`
}

// GuardDecision is what the fraud guard said of one subject in one minute.
type GuardDecision struct {
	ID      string        `json:"id"`
	Minute  time.Time     `json:"minute"`
	Tenant  core.TenantID `json:"tenant"`
	App     core.AppID    `json:"app"`
	Outcome string        `json:"outcome"` // challenge, block
	Rule    string        `json:"rule"`    // unverified, conversion, failures; others
	Subject string        `json:"subject"`
	Why     string        `json:"why"`
	Count   int64         `json:"count"`  // requests
	Passed  int64         `json:"passed"` // of them
}

// GuardDecisions is a page.
type GuardDecisions struct {
	Decisions []GuardDecision `json:"decisions"`
	Before    string          `json:"before,omitempty"` // of the next page
}

// GuardLevel is how a subject stands on the node that answers.
type GuardLevel struct {
	Kind       string     `json:"kind"` // country, prefix, app, range, wide
	Subject    string     `json:"subject"`
	Unverified float64    `json:"unverified"` // codes that nobody entered, less what leaked
	Threshold  float64    `json:"threshold"`  // of a challenge, now
	Usual      float64    `json:"usual"`      // around this hour of the last 14 days
	Failures   float64    `json:"failures"`   // wrong codes, less what right ones drained
	Most       float64    `json:"most"`       // threshold of wrong codes; 0: not judged
	Outcome    string     `json:"outcome"`    // of the hold that goes on
	Until      *time.Time `json:"until,omitempty"`
	Sent       int64      `json:"sent"` // in the last 30 minutes, as all below
	Verified   int64      `json:"verified"`
	Failed     int64      `json:"failed"`
	Refused    int64      `json:"refused"`
}

// GuardLevels are those that are not quiet, the fullest first.
type GuardLevels struct {
	Levels []GuardLevel `json:"levels"`
}

// Spending is what an app spent of a day's caps.
type Spending struct {
	Day string       `json:"day"` // of the app's zone
	Of  []SpendingOf `json:"of"`
}

// SpendingOf is one country's part; * is all.
type SpendingOf struct {
	Country string        `json:"country"`
	Spent   core.Credits  `json:"spent"`
	Cap     *core.Credits `json:"cap,omitempty"`
}
