package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/route"
)

// Routing is what all routes share.
type Routing struct {
	Ported string `toml:"ported"` // file of lines NUMBER CARRIER: numbers that left the carrier of their prefix
	table  route.Ported
}

// Table is what was in the file.
func (r Routing) Table() route.Ported { return r.table }

// Route is which providers carry which messages (docs/routing.md).
type Route struct {
	Name      string        `toml:"name"`
	Match     RouteMatch    `toml:"match"`
	Mode      string        `toml:"mode"`      // ordered or weighted; default ordered
	OnDemand  bool          `toml:"on_demand"` // only for the plans of apps that name it
	Providers []RouteChoice `toml:"providers"`
}

// RouteMatch is what a route takes; an empty list takes all.
type RouteMatch struct {
	Countries []string        `toml:"countries"` // ISO 3166 regions
	Carriers  []string        `toml:"carriers"`  // mobile, unicom, telecom, broadnet, unknown
	Channels  []string        `toml:"channels"`  // sms, voice
	Purposes  []string        `toml:"purposes"`  // code, notice, market
	Tenants   []core.TenantID `toml:"tenants"`
	Apps      []core.AppID    `toml:"apps"`
}

// RouteChoice is one provider of a route.
type RouteChoice struct {
	Name   string       `toml:"name"`
	Weight int          `toml:"weight"` // of a weighted route
	Cost   core.Credits `toml:"cost"`   // of a segment, in a unit of your own; for metrics
}

// Route is the configured route as internal/route takes it. An error is a
// *route.Fault.
func (r Route) Route() (route.Route, error) {
	made := route.Route{Name: r.Name, Weighted: r.Mode == "weighted", OnDemand: r.OnDemand,
		Match: route.Match{Countries: r.Match.Countries, Tenants: r.Match.Tenants, Apps: r.Match.Apps}}
	if err := oneOf(r.Mode, "", "ordered", "weighted"); err != nil {
		return made, &route.Fault{Key: "mode", Why: fmt.Errorf("%q is neither ordered nor weighted", r.Mode)}
	}
	var err error
	if made.Match.Carriers, err = named("carriers", r.Match.Carriers, route.CarrierNamed); err != nil {
		return made, err
	}
	if made.Match.Channels, err = named("channels", r.Match.Channels, channelNamed); err != nil {
		return made, err
	}
	if made.Match.Purposes, err = named("purposes", r.Match.Purposes, route.PurposeNamed); err != nil {
		return made, err
	}
	for _, c := range r.Providers {
		made.Choices = append(made.Choices, route.Choice{Provider: c.Name, Weight: c.Weight, Cost: c.Cost})
	}
	return made, nil
}

// named turns the names of a list into what they name.
func named[T any](list string, names []string, of func(string) (T, bool)) (all []T, err error) {
	for i, name := range names {
		v, ok := of(name)
		if !ok {
			return nil, &route.Fault{Key: "match." + list + "." + strconv.Itoa(i), Why: fmt.Errorf("%q is none of %s", name, list)}
		}
		all = append(all, v)
	}
	return all, nil
}

func channelNamed(name string) (core.Channel, bool) {
	for _, c := range []core.Channel{core.ChannelSMS, core.ChannelVoice} {
		if c.String() == name {
			return c, true
		}
	}
	return 0, false
}

// checkRoutes finds the first route that can not work.
func (c *Config) checkRoutes(at lines) error {
	providers := make([]string, len(c.Providers))
	for i, p := range c.Providers {
		providers[i] = p.Name
	}
	for i, r := range c.Routes {
		key := func(err error) error {
			var f *route.Fault
			if errors.As(err, &f) {
				return at.key(item("route", i, f.Key), f.Why)
			}
			return err
		}
		made, err := r.Route()
		if err != nil {
			return key(err)
		}
		if err := made.Validate(providers); err != nil {
			return key(err)
		}
		if slices.ContainsFunc(c.Routes[:i], func(o Route) bool { return o.Name == r.Name }) {
			return at.key(item("route", i, "name"), fmt.Errorf("two routes are called %q", r.Name))
		}
	}
	return nil
}

// readPorted reads the table of ported numbers.
func (c *Config) readPorted(at lines, readFile func(string) ([]byte, error)) error {
	if c.Routing.Ported == "" {
		return nil
	}
	data, err := readFile(c.Routing.Ported)
	if err != nil {
		return at.key("routing.ported", err)
	}
	if c.Routing.table, err = route.ParsePorted(data); err != nil {
		return at.key("routing.ported", fmt.Errorf("%s: %w", c.Routing.Ported, err))
	}
	return nil
}
