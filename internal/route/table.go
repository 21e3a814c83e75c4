package route

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nyaruka/phonenumbers"

	"yanma.dev/yanma/internal/core"
)

// Purpose is what a message is for, as far as routes tell messages apart.
type Purpose uint8

// The purposes.
const (
	PurposeCode   Purpose = 1 // it carries a one-time code
	PurposeNotice Purpose = 2
	PurposeMarket Purpose = 3 // paid from the market pool
)

var purposeNames = [...]string{"", "code", "notice", "market"}

// String names the purpose as the configuration does.
func (p Purpose) String() string {
	if int(p) < len(purposeNames) {
		return purposeNames[p]
	}
	return "invalid"
}

// PurposeNamed is the inverse of Purpose.String.
func PurposeNamed(name string) (Purpose, bool) {
	i := slices.Index(purposeNames[:], name)
	return Purpose(max(i, 0)), i > 0
}

// Match is which messages a route takes. An empty list takes all.
type Match struct {
	Countries []string // ISO 3166 regions of the number
	Carriers  []Carrier
	Channels  []core.Channel
	Purposes  []Purpose
	Tenants   []core.TenantID
	Apps      []core.AppID
}

// Choice is one provider of a route.
type Choice struct {
	Provider string
	Weight   int          // of a weighted route, 1 to 1,000,000
	Cost     core.Credits // what the carrier takes for a segment, in the operator's own unit; for metrics
}

// Route is one line of the table.
type Route struct {
	Name     string
	Match    Match
	Weighted bool // draw among the choices; otherwise their order is kept
	OnDemand bool // only for messages that ask for it by name, never by its match
	Choices  []Choice
}

// DefaultName is the route of all providers in the configuration's order. It
// takes what no other route takes.
const DefaultName = "default"

// heaviest is the largest weight.
const heaviest = 1_000_000

// Fault is what is wrong with a route: the key of its table that is at fault,
// such as "providers.1.weight", and why.
type Fault struct {
	Key string
	Why error
}

// Error is the key and the reason.
func (f *Fault) Error() string { return f.Key + ": " + f.Why.Error() }

// Unwrap is the reason.
func (f *Fault) Unwrap() error { return f.Why }

func fault(key, format string, args ...any) error {
	return &Fault{Key: key, Why: fmt.Errorf(format, args...)}
}

// Validate finds the first thing about a route that can not work; an error is a
// *Fault. providers are the names that are configured.
func (r Route) Validate(providers []string) error {
	switch {
	case r.Name == "":
		return fault("name", "a route needs a name")
	case r.Name == DefaultName:
		return fault("name", "%q is the route of all providers, which is always there", DefaultName)
	case len(r.Choices) == 0:
		return fault("providers", "a route needs a provider")
	}
	regions := phonenumbers.GetSupportedRegions()
	for i, country := range r.Match.Countries {
		if !regions[country] {
			return fault(fmt.Sprintf("match.countries.%d", i), "%q is no ISO 3166 region with telephone numbers", country)
		}
	}
	if len(r.Match.Carriers) > 0 && len(r.Match.Countries) > 0 && !slices.Contains(r.Match.Countries, "CN") {
		return fault("match.carriers", "carriers are known in CN only, which the route does not take")
	}
	for i, c := range r.Choices {
		key := func(name string) string { return fmt.Sprintf("providers.%d.%s", i, name) }
		switch {
		case !slices.Contains(providers, c.Provider):
			return fault(key("name"), "there is no provider %q", c.Provider)
		case slices.ContainsFunc(r.Choices[:i], func(o Choice) bool { return o.Provider == c.Provider }):
			return fault(key("name"), "%q stands there twice", c.Provider)
		case r.Weighted && (c.Weight < 1 || c.Weight > heaviest):
			return fault(key("weight"), "%d is not between 1 and %d", c.Weight, heaviest)
		case !r.Weighted && c.Weight != 0:
			return fault(key("weight"), "an ordered route has no weights")
		case c.Cost < 0:
			return fault(key("cost"), "must not be negative")
		}
	}
	return nil
}

// Query is a message as routes see it.
type Query struct {
	Message  core.MessageID
	To       core.Phone
	Channel  core.Channel
	Purpose  Purpose
	Tenant   core.TenantID
	App      core.AppID
	Named    string // a route that is asked for by name; "" = by match
	Template string
	Params   map[string]string

	region  string // of To, once it was asked for
	carrier Carrier
	asked   bool
}

// Table is the routes in their order.
type Table struct {
	routes []Route
	ported Ported
	// regionOf is asked only where a route tells countries apart.
	regionOf func(core.Phone) string
}

// NewTable makes a table of routes that Validate.
func NewTable(routes []Route, ported Ported, regionOf func(core.Phone) string) (*Table, error) {
	for i, r := range routes {
		if slices.ContainsFunc(routes[:i], func(o Route) bool { return o.Name == r.Name }) {
			return nil, errors.New("two routes are called " + r.Name)
		}
	}
	return &Table{routes: routes, ported: ported, regionOf: regionOf}, nil
}

// find is the index of the message's route: the named one, else the first that
// takes it, else -1.
func (t *Table) find(q *Query) int {
	if q.Named != "" {
		for i := range t.routes {
			if t.routes[i].Name == q.Named {
				return i
			}
		}
	}
	for i := range t.routes {
		if !t.routes[i].OnDemand && t.takes(&t.routes[i].Match, q) {
			return i
		}
	}
	return -1
}

func (t *Table) takes(m *Match, q *Query) bool {
	return has(m.Channels, q.Channel) && has(m.Purposes, q.Purpose) && has(m.Tenants, q.Tenant) && has(m.Apps, q.App) &&
		(len(m.Countries) == 0 || slices.Contains(m.Countries, t.region(q))) &&
		(len(m.Carriers) == 0 || slices.Contains(m.Carriers, t.carrier(q)))
}

func has[T comparable](all []T, one T) bool { return len(all) == 0 || slices.Contains(all, one) }

func (t *Table) region(q *Query) string {
	if q.region == "" {
		q.region = t.regionOf(q.To)
	}
	return q.region
}

func (t *Table) carrier(q *Query) Carrier {
	if !q.asked {
		q.carrier, q.asked = t.ported.Of(q.To), true
	}
	return q.carrier
}
