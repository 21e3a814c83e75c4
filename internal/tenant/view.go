package tenant

import (
	"encoding/json"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// TenantView is a tenant as operators see it.
type TenantView struct {
	ID      core.TenantID `json:"id"`
	Name    string        `json:"name"`
	Created time.Time     `json:"created"`

	Disabled bool     `json:"disabled"` // none of its apps may call
	Denied   []string `json:"denied"`   // products that it has no right to

	TenantID string   `json:"tenant_id"` // by which callers name it: X-tenant-id
	Hosts    []string `json:"hosts"`     // host names that are its own
}

// AppView is an app as operators see it. It holds no key, and test numbers
// only masked: it may be logged, audited and shown.
type AppView struct {
	ID            core.AppID       `json:"id"`
	Tenant        core.TenantID    `json:"tenant"`
	Name          string           `json:"name"`
	Disabled      bool             `json:"disabled"`
	ImportedUsers bool             `json:"imported_users"`
	Settings      Settings         `json:"settings"`
	TestNumbers   []TestNumberView `json:"test_numbers"`
	Keys          []KeyView        `json:"keys"`
	Warnings      []string         `json:"warnings"`
	Created       time.Time        `json:"created"`
	Updated       time.Time        `json:"updated"`
}

// TestNumberView is a test number without its code, its literal masked.
type TestNumberView struct {
	Number string `json:"number"`
}

// KeyView is what is known of a key: not the key.
type KeyView struct {
	ID         int64      `json:"id"`
	Dialect    Dialect    `json:"dialect"`
	Created    time.Time  `json:"created"`
	ValidUntil *time.Time `json:"valid_until,omitempty"` // absent: for ever
	Valid      bool       `json:"valid"`
	Name       string     `json:"name,omitempty"` // whose key it is: a submail appid
}

// AuditView is one change that somebody made.
type AuditView struct {
	ID      int64           `json:"id"`
	At      time.Time       `json:"at"`
	Actor   string          `json:"actor"`
	Action  string          `json:"action"`
	Object  string          `json:"object"`
	Request string          `json:"request_id"`
	Before  json.RawMessage `json:"before,omitempty"`
	After   json.RawMessage `json:"after,omitempty"`
}

func viewTenant(row records.Tenant) TenantView {
	return TenantView{ID: row.ID, Name: row.Name, Created: instant(row.Created), Disabled: row.Disabled, Denied: deniedOf(row),
		TenantID: row.PublicID, Hosts: hostsOf(row)}
}

func viewApp(row records.App, settings Settings, tests []TestNumber, keys []records.Credential, signing []SigningKey, now store.Time) AppView {
	v := AppView{ID: row.ID, Tenant: row.Tenant, Name: row.Name, Disabled: row.Disabled, ImportedUsers: row.Imported,
		Settings: settings.filled(), TestNumbers: []TestNumberView{}, Keys: []KeyView{}, Warnings: settings.warnings(),
		Created: instant(row.Created), Updated: instant(row.Updated)}
	for _, t := range tests {
		v.TestNumbers = append(v.TestNumbers, TestNumberView{Number: core.MaskNumber(t.Literal)})
	}
	for _, k := range keys {
		key := KeyView{ID: k.ID, Dialect: Dialect(k.Dialect), Created: instant(k.Created), Valid: k.ValidUntil == 0 || k.ValidUntil > now}
		if k.ValidUntil != 0 {
			until := instant(k.ValidUntil)
			key.ValidUntil = &until
		}
		v.Keys = append(v.Keys, key)
	}
	for _, k := range signing {
		key := KeyView{ID: k.ID, Dialect: k.Dialect, Name: k.Name, Created: instant(k.Created), Valid: k.Valid(now)}
		if k.ValidUntil != 0 {
			until := instant(k.ValidUntil)
			key.ValidUntil = &until
		}
		v.Keys = append(v.Keys, key)
	}
	return v
}

// filled has empty lists where there are none, so that JSON shows [] and {}.
func (s Settings) filled() Settings {
	if s.Dialects == nil {
		s.Dialects = []Dialect{}
	}
	if s.AllowedSources == nil {
		s.AllowedSources = []string{}
	}
	if s.Origins == nil {
		s.Origins = []string{}
	}
	if s.Funnel == nil {
		s.Funnel = []string{}
	}
	if s.Limits == nil {
		s.Limits = Limits{}
	}
	return s
}

// warnings is what an operator should think about (requirement row 1).
func (s Settings) warnings() []string {
	warnings := []string{}
	if s.CodeLength < 6 {
		warnings = append(warnings, "code_length: codes of fewer than 6 digits are easier to guess")
	}
	return warnings
}

func viewAudit(row records.Audit) AuditView {
	return AuditView{ID: row.ID, At: instant(row.At), Actor: row.Actor, Action: row.Action, Object: row.Object,
		Request: row.Request, Before: json.RawMessage(row.Before), After: json.RawMessage(row.After)}
}

func instant(t store.Time) time.Time { return t.Time().UTC() }
