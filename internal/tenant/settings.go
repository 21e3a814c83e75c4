package tenant

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message"
)

// Settings is what an operator sets of an app, as it is stored and shown.
// Test numbers are apart because their literals may be real numbers.
type Settings struct {
	Dialects        []Dialect     `json:"dialects"`              // façades that it may use
	Signature       string        `json:"signature"`             // of its messages, without the brackets
	CodeText        string        `json:"code_text"`             // wording of its code messages; "" = the default
	CodeTemplate    string        `json:"code_template"`         // its name in the providers' templates
	TimeZone        string        `json:"time_zone"`             // of the hours of its marketing, such as Asia/Shanghai
	CodeDomain      string        `json:"code_domain"`           // site that a browser may give the code to; "" = none
	CodeAppHash     string        `json:"code_app_hash"`         // Android app that may read the message; "" = none
	Sender          string        `json:"sender"`                // source address; "" = the provider's
	CodeLength      int           `json:"code_length"`           // digits, 4 to 10
	CodeLife        int           `json:"code_life_seconds"`     // 1 to 600
	SMSPrice        *core.Credits `json:"sms_price"`             // a segment; null = the installation's
	LoginPrice      *core.Credits `json:"login_price"`           // a successful login; null = the installation's
	VerifyPrice     *core.Credits `json:"verify_price"`          // a number verified through the carrier; null = the installation's
	FetchPrice      *core.Credits `json:"fetch_price"`           // a number that the carrier told; null = the installation's
	SIMSwap         SIMSwap       `json:"sim_swap"`              // what a SIM that was changed lately means
	TenantPays      bool          `json:"tenant_pays"`           // charge the tenant's account
	Countries       []string      `json:"countries"`             // ISO 3166 regions
	AllowedSources  []string      `json:"allowed_sources"`       // addresses and CIDR prefixes; none = all
	Origins         []string      `json:"origins"`               // of web pages that may call in a browser (contracts/README.md §3.3)
	Funnel          []string      `json:"funnel"`                // steps that show whose a number is, in order: silent, sms, voice
	Callers         string        `json:"callers"`               // backend, end_users; "" = the dialect's own
	Guard           GuardMode     `json:"guard,omitempty"`       // off, record, enforce; "" = the installation's (docs/fraud.md)
	SpendCaps       SpendCaps     `json:"spend_caps,omitempty"`  // credits a day by country, "*" for all; none = no cap
	Limits          Limits        `json:"limits"`                // windows by rule name, as guard.Rules.With
	RequireKeyOnGet bool          `json:"require_key_on_get"`    // contracts/yunbox.md §7
	Plan            []string      `json:"plan,omitempty"`        // how a code that is not entered goes out again; see ParsePlan
	VoicePrice      *core.Credits `json:"voice_price"`           // a call that speaks a code; null = the installation's
	RequireAuth     bool          `json:"require_auth_on_valid"` // contracts/jsms.md §1.1
	CallbackURL     string        `json:"callback_url"`          // where the app is told of receipts, replies and verdicts; "" = it asks
	LowBalance      core.Credits  `json:"low_balance"`           // below it the balance that pays counts as low (metrics); 0 = never
	DeviceCap       int           `json:"device_cap"`            // devices of a user, 1 to 10,000
	Camara          *CamaraClient `json:"camara,omitempty"`      // its OAuth client; set by SetCamara only

	OneAccess *OneAccessSettings `json:"oneaccess,omitempty"` // its client of that dialect; set by SetOneAccess and Subscribe only
}

// Limits is windows by rule name: {"number_app": ["1/60s", "5/1h"]}; an empty
// list turns the limit off.
type Limits map[string][]string

// UnmarshalJSON replaces what was there: of a duplicated member the last one
// counts (contracts/README.md §3.1).
func (l *Limits) UnmarshalJSON(b []byte) error {
	fresh := map[string][]string{}
	if err := json.Unmarshal(b, &fresh); err != nil {
		return err
	}
	*l = fresh
	return nil
}

// DefaultSettings is an app that nobody has set anything of
// (contracts/README.md §4, §5, yunbox.md §2, §4.3).
func DefaultSettings() Settings {
	return Settings{
		SIMSwap:      DefaultSIMSwap(),
		Dialects:     []Dialect{DialectYunbox},
		CodeTemplate: message.DefaultCodeTemplate,
		TimeZone:     message.DefaultZone,
		CodeLength:   6,
		CodeLife:     300,
		Countries:    []string{"CN"},
		Funnel:       []string{"silent", "sms", "voice"},
		DeviceCap:    100,
	}
}

// Patch changes settings: what is nil stays as it is.
type Patch struct {
	Name            *string       `json:"name,omitempty"`
	Dialects        *[]Dialect    `json:"dialects,omitempty"`
	Signature       *string       `json:"signature,omitempty"`
	CodeText        *string       `json:"code_text,omitempty"`
	CodeTemplate    *string       `json:"code_template,omitempty"`
	TimeZone        *string       `json:"time_zone,omitempty"`
	CodeDomain      *string       `json:"code_domain,omitempty"`
	CodeAppHash     *string       `json:"code_app_hash,omitempty"`
	Sender          *string       `json:"sender,omitempty"`
	CodeLength      *int          `json:"code_length,omitempty"`
	CodeLife        *int          `json:"code_life_seconds,omitempty"`
	SMSPrice        Price         `json:"sms_price,omitzero"`
	LoginPrice      Price         `json:"login_price,omitzero"`
	VerifyPrice     Price         `json:"verify_price,omitzero"`
	FetchPrice      Price         `json:"fetch_price,omitzero"`
	SIMSwap         *SIMSwapPatch `json:"sim_swap,omitempty"`
	TenantPays      *bool         `json:"tenant_pays,omitempty"`
	Countries       *[]string     `json:"countries,omitempty"`
	AllowedSources  *[]string     `json:"allowed_sources,omitempty"`
	Origins         *[]string     `json:"origins,omitempty"`
	Funnel          *[]string     `json:"funnel,omitempty"`
	Callers         *string       `json:"callers,omitempty"`
	Guard           *GuardMode    `json:"guard,omitempty"`
	SpendCaps       *SpendCaps    `json:"spend_caps,omitempty"`
	Limits          *Limits       `json:"limits,omitempty"`
	RequireKeyOnGet *bool         `json:"require_key_on_get,omitempty"`
	Plan            *[]string     `json:"plan,omitempty"`
	VoicePrice      Price         `json:"voice_price,omitzero"`
	RequireAuth     *bool         `json:"require_auth_on_valid,omitempty"`
	CallbackURL     *string       `json:"callback_url,omitempty"`
	LowBalance      *core.Credits `json:"low_balance,omitempty"`
	DeviceCap       *int          `json:"device_cap,omitempty"`
	TestNumbers     *[]TestNumber `json:"test_numbers,omitempty"`
}

// applyTo gives the settings with the patch on top; it shares nothing with
// either.
func (p Patch) applyTo(s Settings) Settings {
	set(&s.Dialects, p.Dialects)
	set(&s.Signature, p.Signature)
	set(&s.CodeText, p.CodeText)
	set(&s.CodeTemplate, p.CodeTemplate)
	set(&s.TimeZone, p.TimeZone)
	set(&s.CodeDomain, p.CodeDomain)
	set(&s.CodeAppHash, p.CodeAppHash)
	set(&s.Sender, p.Sender)
	set(&s.CodeLength, p.CodeLength)
	set(&s.CodeLife, p.CodeLife)
	p.SMSPrice.applyTo(&s.SMSPrice)
	p.LoginPrice.applyTo(&s.LoginPrice)
	p.VerifyPrice.applyTo(&s.VerifyPrice)
	p.FetchPrice.applyTo(&s.FetchPrice)
	s.SIMSwap = p.SIMSwap.applyTo(s.SIMSwap)
	set(&s.TenantPays, p.TenantPays)
	set(&s.Countries, p.Countries)
	set(&s.AllowedSources, p.AllowedSources)
	set(&s.Origins, p.Origins)
	set(&s.Funnel, p.Funnel)
	set(&s.Callers, p.Callers)
	set(&s.Guard, p.Guard)
	set(&s.SpendCaps, p.SpendCaps)
	s.SpendCaps = maps.Clone(s.SpendCaps)
	set(&s.Limits, p.Limits)
	set(&s.RequireKeyOnGet, p.RequireKeyOnGet)
	set(&s.Plan, p.Plan)
	s.Plan = slices.Clone(s.Plan)
	p.VoicePrice.applyTo(&s.VoicePrice)
	set(&s.RequireAuth, p.RequireAuth)
	set(&s.CallbackURL, p.CallbackURL)
	set(&s.LowBalance, p.LowBalance)
	set(&s.DeviceCap, p.DeviceCap)
	s.Dialects = slices.Clone(s.Dialects)
	s.Countries = slices.Clone(s.Countries)
	s.AllowedSources = slices.Clone(s.AllowedSources)
	s.Origins, s.Funnel = slices.Clone(s.Origins), slices.Clone(s.Funnel)
	s.Limits = maps.Clone(s.Limits)
	return s
}

// Price changes a price. Its zero value changes nothing.
type Price struct {
	Set   bool
	Value *core.Credits // nil: back to the installation's price
}

// PriceOf sets a price.
func PriceOf(c core.Credits) Price { return Price{Set: true, Value: &c} }

// UnmarshalJSON reads a number, or null for the installation's price.
func (p *Price) UnmarshalJSON(b []byte) error {
	*p = Price{Set: true}
	return json.Unmarshal(b, &p.Value)
}

// MarshalJSON is the inverse of UnmarshalJSON.
func (p Price) MarshalJSON() ([]byte, error) { return json.Marshal(p.Value) }

func (p Price) applyTo(to **core.Credits) {
	if p.Set {
		*to = p.Value
	}
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// encode is the settings as the table stores them.
func (s Settings) encode() (string, error) {
	b, err := json.Marshal(s)
	return string(b), err
}

// decodeSettings reads the table's column. A member that an older version did
// not have takes its default; one of a newer version is an error.
func decodeSettings(text string) (Settings, error) {
	s := DefaultSettings()
	if err := strictJSON(text, &s); err != nil {
		return Settings{}, fmt.Errorf("settings: %w", err)
	}
	return s, nil
}
