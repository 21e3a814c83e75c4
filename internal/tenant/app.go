package tenant

import (
	"net/netip"
	"slices"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/message"
)

// Dialect names a façade an app may use.
type Dialect string

// The dialects.
const (
	DialectYunbox    Dialect = "yunbox"
	DialectOneaccess Dialect = "oneaccess"
	DialectJSMS      Dialect = "jsms"
	DialectSubmail   Dialect = "submail"
	DialectCamara    Dialect = "camara"
)

var allDialects = []Dialect{DialectYunbox, DialectOneaccess, DialectJSMS, DialectSubmail, DialectCamara}

// TestNumber is a literal that is matched before number validation: it sends
// nothing, costs nothing, and takes one fixed code (contracts/README.md §8).
type TestNumber struct {
	Literal string `json:"number"`
	Code    string `json:"code"`
}

// App is one application as every request sees it: an immutable snapshot out
// of the configuration cache. Do not change one.
type App struct {
	ID       core.AppID
	Tenant   core.TenantID
	Name     string
	Disabled bool
	Dialects []Dialect // façades that it may use

	AccountDisabled bool     // its tenant is
	Denied          []string // products that its tenant may not use

	Template     message.CodeTemplate // signature and wording of its code messages
	Zone         *time.Location       // of the hours of its marketing
	CodeTemplate string               // name of that template, by which carriers that take no free text map it to theirs
	Sender       string               // source address of its messages; "" = the provider's
	CodeLength   int                  // digits, 4 to 10
	CodeLife     time.Duration        // at most 600 s

	SMSPrice    core.Credits // a segment
	LoginPrice  core.Credits // a successful check-code; may be 0
	VerifyPrice core.Credits // "is this SIM that number?", whatever the answer
	FetchPrice  core.Credits // a number that the carrier told
	VoicePrice  core.Credits // a call that speaks a code
	SIMSwap     SIMSwap      // what a SIM that was changed lately means
	TenantPays  bool         // charge the tenant's account, not the app's own

	Countries       []string          // ISO regions that it may send to; default CN
	Phones          guard.PhonePolicy // Countries, ready for guard.ParsePhone
	AllowedSources  []netip.Prefix
	Origins         []string      // of web pages that may call in a browser
	Funnel          []string      // silent, sms, voice, in the app's order
	Callers         guard.Callers // 0: the dialect's own default
	Guard           GuardMode     // GuardDefault: the installation's
	Caps            billing.Caps  // on a day's spending; nil: none
	Limits          guard.Rules   // the installation's rules with the app's overrides
	Unchallenged    guard.Rules   // Limits for a dialect that can ask for no challenge: it refuses instead
	TestNumbers     []TestNumber
	RequireKeyOnGet bool         // contracts/yunbox.md §7
	RequireAuth     bool         // a code is checked with credentials only (contracts/jsms.md §1.1)
	DeviceCap       int          // devices a user may have; default 100
	CallbackURL     string       // where it is told what happened; "" = it asks
	LowBalance      core.Credits // below it the balance that pays counts as low; 0 = never
	Plan            []PlanStep   // how a code that is not entered goes out again; none: it does not
	ImportedUsers   bool         // it has users with ids issued elsewhere

	Camara    *OAuthClient // nil: it has none
	OneAccess *OneAccess   // nil: it has no client of that dialect
}

// TestCode is the fixed code of a test number, matched literally.
func (a *App) TestCode(literal string) (string, bool) {
	for _, n := range a.TestNumbers {
		if n.Literal == literal {
			return n.Code, true
		}
	}
	return "", false
}

// Uses tells whether the app may use a dialect.
func (a *App) Uses(d Dialect) bool {
	for _, have := range a.Dialects {
		if have == d {
			return true
		}
	}
	return false
}

// Denies tells whether the app's account has no right to a product.
func (a *App) Denies(product string) bool { return slices.Contains(a.Denied, product) }

// ListsOrigin tells whether a browser's Origin is on the app's list.
func (a *App) ListsOrigin(origin string) bool { return slices.Contains(a.Origins, origin) }

// Allows tells whether a caller's address is on the app's list; an empty list
// allows all.
func (a *App) Allows(source netip.Addr) bool {
	if len(a.AllowedSources) == 0 {
		return true
	}
	for _, p := range a.AllowedSources {
		if p.Contains(source) {
			return true
		}
	}
	return false
}

// DayZone is where the app's days begin: those of its caps and its marketing.
func (a *App) DayZone() *time.Location {
	if a.Zone != nil {
		return a.Zone
	}
	return message.China()
}
