package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/tenant"
)

// guardCommands are yanma guard ….
type guardCommands struct {
	Show      guardShowCommand      `cmd:"" help:"Show its mode and who is always allowed."`
	Policy    guardPolicyCommand    `cmd:"" help:"Set what it does for apps that say nothing: off, record, enforce, or default."`
	Allow     guardAllowCommand     `cmd:"" help:"Always allow numbers, prefixes, networks or apps, or no longer."`
	Decisions guardDecisionsCommand `cmd:"" help:"List what it did not allow, and why, newest first."`
	Levels    guardLevelsCommand    `cmd:"" help:"List what fills up on this node, the fullest first."`
	Spending  guardSpendingCommand  `cmd:"" help:"Show what an app spent today of its caps."`
}

type guardShowCommand struct{ remote }

// Run shows the settings.
func (c guardShowCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	g, err := server.Guard(ctx)
	if err != nil {
		return err
	}
	return c.print(w, g, func() error { return printGuard(w, g) })
}

func printGuard(w World, g api.Guard) error {
	mode := string(g.Mode)
	if g.Mode == tenant.GuardDefault {
		mode = string(g.Configured) + " (the configuration's)"
	}
	apps := make([]string, len(g.Apps))
	for i, app := range g.Apps {
		apps[i] = id(app)
	}
	return facts{{"mode", mode}, {"allowed numbers", strconv.Itoa(g.Numbers)}, {"allowed prefixes", list(g.Prefixes)},
		{"allowed networks", list(g.Networks)}, {"allowed apps", list(apps)}}.print(w.Stdout)
}

type guardPolicyCommand struct {
	remote
	Mode string `arg:"" help:"off, record (everything passes, decisions are noted), enforce, or default: the configuration's." enum:"off,record,enforce,default"`
}

// Run sets the mode.
func (c guardPolicyCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	mode := tenant.GuardMode(c.Mode)
	if c.Mode == "default" {
		mode = tenant.GuardDefault
	}
	g, err := server.UpdateGuard(ctx, api.GuardPatch{Mode: &mode})
	if err != nil {
		return err
	}
	return c.print(w, g, func() error { return printGuard(w, g) })
}

type guardAllowCommand struct {
	remote
	Numbers  []string     `help:"A number; it is kept as a keyed hash. Repeat, or separate by commas." name:"number" placeholder:"NUMBER"`
	Prefixes []string     `help:"Leading digits with the calling code, such as 8613800." name:"prefix" placeholder:"DIGITS"`
	Networks []string     `help:"Addresses of end users, such as 192.0.2.0/24." name:"network" placeholder:"CIDR"`
	Apps     []core.AppID `help:"All requests of an app." name:"app" placeholder:"ID"`
	Remove   bool         `help:"Take them off the lists."`
}

// Run changes the lists.
func (c guardAllowCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	g, err := server.Guard(ctx)
	if err != nil {
		return err
	}
	if len(c.Prefixes)+len(c.Networks)+len(c.Apps) > 0 {
		prefixes, networks, apps := edited(g.Prefixes, c.Prefixes, c.Remove), edited(g.Networks, c.Networks, c.Remove), edited(g.Apps, c.Apps, c.Remove)
		if g, err = server.UpdateGuard(ctx, api.GuardPatch{Prefixes: &prefixes, Networks: &networks, Apps: &apps}); err != nil {
			return err
		}
	}
	if len(c.Numbers) > 0 {
		change := api.GuardNumbers{Add: c.Numbers}
		if c.Remove {
			change = api.GuardNumbers{Remove: c.Numbers}
		}
		if g, err = server.GuardNumbers(ctx, change); err != nil {
			return err
		}
	}
	return c.print(w, g, func() error { return printGuard(w, g) })
}

// edited is a list with some entries more or less.
func edited[T comparable](have, some []T, remove bool) []T {
	left := slices.DeleteFunc(slices.Clone(have), func(v T) bool { return slices.Contains(some, v) })
	if remove {
		return append([]T{}, left...)
	}
	return append(left, some...)
}

type guardDecisionsCommand struct {
	remote
	pageFlags
	App core.AppID `help:"Only of this app." placeholder:"ID"`
}

// Run lists decisions.
func (c guardDecisionsCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	found, err := server.GuardDecisions(ctx, c.App, c.Before, c.Limit)
	if err != nil {
		return err
	}
	return c.print(w, found, func() error {
		rows := table{{"ID", "MINUTE", "APP", "OUTCOME", "REQUESTS", "PASSED", "WHY"}}
		for _, d := range found.Decisions {
			rows = append(rows, []string{d.ID, instant(d.Minute), id(d.App), d.Outcome, strconv.FormatInt(d.Count, 10), strconv.FormatInt(d.Passed, 10),
				strings.TrimPrefix(d.Why, d.Outcome+": ")})
		}
		if err := rows.print(w.Stdout); err != nil || found.Before == "" {
			return err
		}
		return say(w.Stdout, "more: --before %s", found.Before)
	})
}

type guardLevelsCommand struct {
	remote
	Limit int `help:"How many, up to 500." default:"50" placeholder:"N"`
}

// Run lists levels.
func (c guardLevelsCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	found, err := server.GuardLevels(ctx, c.Limit)
	if err != nil {
		return err
	}
	return c.print(w, found, func() error {
		rows := table{{"SUBJECT", "NOT ENTERED", "OF", "WRONG", "OF", "30 MIN: SENT", "ENTERED", "REFUSED", "HOLD"}}
		for _, l := range found.Levels {
			hold := "–"
			if l.Until != nil {
				hold = l.Outcome + " until " + instant(*l.Until)
			}
			rows = append(rows, []string{l.Subject, tenths(l.Unverified), tenths(l.Threshold), tenths(l.Failures), tenths(l.Most),
				strconv.FormatInt(l.Sent, 10), strconv.FormatInt(l.Verified, 10), strconv.FormatInt(l.Refused, 10), hold})
		}
		return rows.print(w.Stdout)
	})
}

func tenths(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

type guardSpendingCommand struct {
	remote
	App core.AppID `arg:"" help:"The app."`
}

// Run shows an app's spending.
func (c guardSpendingCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	found, err := server.Spending(ctx, c.App)
	if err != nil {
		return err
	}
	return c.print(w, found, func() error {
		if len(found.Of) == 0 {
			return say(w.Stdout, "App %d has no caps: yanma app set %d --spend-cap CN=10000.", c.App, c.App)
		}
		rows := table{{"DAY", "COUNTRY", "SPENT", "CAP"}}
		for _, of := range found.Of {
			most := "–"
			if of.Cap != nil {
				most = id(*of.Cap)
			}
			rows = append(rows, []string{found.Day, of.Country, id(of.Spent), most})
		}
		return rows.print(w.Stdout)
	})
}

// capsFlag is an app's caps; not said, it is nil.
type capsFlag struct{ caps *tenant.SpendCaps }

// Decode adds one; "none" alone adds none.
func (f *capsFlag) Decode(ctx *kong.DecodeContext) error {
	text, err := pop(ctx)
	if err != nil {
		return err
	}
	if f.caps == nil {
		f.caps = &tenant.SpendCaps{}
	}
	if text == "none" {
		return nil
	}
	country, amount, found := strings.Cut(text, "=")
	credits, err := strconv.ParseInt(amount, 10, 64)
	if !found || err != nil {
		return fmt.Errorf("want COUNTRY=CREDITS such as CN=100000 or *=120000, or none, but got %q", text)
	}
	(*f.caps)[country] = core.Credits(credits)
	return nil
}

func capsText(caps tenant.SpendCaps) string {
	all := make([]string, 0, len(caps))
	for country, credits := range caps {
		all = append(all, country+" "+id(credits))
	}
	slices.Sort(all)
	return list(all) + " credits a day"
}
