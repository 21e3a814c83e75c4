package operator

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/nyaruka/phonenumbers"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/guard/fraud"
	"yanma.dev/yanma/internal/guard/sentry"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// Sentry is the fraud guard (sentry.Guard).
type Sentry interface {
	Settings() sentry.Settings
	Configured() tenant.GuardMode
	Decisions(ctx context.Context, app core.AppID, before int64, most int) ([]records.GuardDecision, error)
	Levels(most int) []fraud.Level
}

func (o *operator) guardRoutes() []facade.Route {
	if o.Sentry == nil {
		return nil
	}
	return []facade.Route{
		{Name: "guard-show", Method: http.MethodGet, Path: "/admin/guard", Handle: o.showGuard},
		{Name: "guard-update", Method: http.MethodPatch, Path: "/admin/guard", Handle: o.updateGuard},
		{Name: "guard-numbers", Method: http.MethodPost, Path: "/admin/guard/numbers", Handle: o.guardNumbers},
		{Name: "guard-decisions", Method: http.MethodGet, Path: "/admin/guard/decisions", Handle: o.guardDecisions},
		{Name: "guard-levels", Method: http.MethodGet, Path: "/admin/guard/levels", Handle: o.guardLevels},
		{Name: "app-spending", Method: http.MethodGet, Path: "/admin/apps/{app}/spending", Handle: o.showSpending},
	}
}

func (o *operator) viewGuard() api.Guard {
	s := o.Sentry.Settings()
	return api.Guard{Mode: s.Mode, Configured: o.Sentry.Configured(), Prefixes: filled(s.Prefixes), Networks: filled(s.Networks),
		Apps: filled(s.Apps), Numbers: len(s.Numbers)}
}

// filled is a list that is [] rather than null.
func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (o *operator) showGuard(_ context.Context, x *facade.Exchange) error {
	if _, err := query(x); err != nil {
		return err
	}
	return reply(x, http.StatusOK, o.viewGuard())
}

// updateGuard changes the mode and the lists; every node follows within a second.
func (o *operator) updateGuard(ctx context.Context, x *facade.Exchange) error {
	var patch api.GuardPatch
	if _, err := decode(x, &patch); err != nil {
		return err
	}
	return o.changeGuard(ctx, x, patch, func(s *sentry.Settings) {
		replace(&s.Mode, patch.Mode)
		replace(&s.Prefixes, patch.Prefixes)
		replace(&s.Networks, patch.Networks)
		replace(&s.Apps, patch.Apps)
	})
}

func replace[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// mostGuardNumbers is how many numbers one call names.
const mostGuardNumbers = 500

// guardNumbers changes which numbers are always allowed. They are kept, and
// audited, as keyed bits only.
func (o *operator) guardNumbers(ctx context.Context, x *facade.Exchange) error {
	var body api.GuardNumbers
	if _, err := decode(x, &body); err != nil {
		return err
	}
	if len(body.Add)+len(body.Remove) > mostGuardNumbers {
		return &core.Error{Kind: core.KindBadField, Detail: "at most " + strconv.Itoa(mostGuardNumbers) + " numbers in one call"}
	}
	add, err := o.guardKeys(body.Add)
	if err != nil {
		return err
	}
	remove, err := o.guardKeys(body.Remove)
	if err != nil {
		return err
	}
	note := map[string]int{"added": len(add), "removed": len(remove)}
	return o.changeGuard(ctx, x, note, func(s *sentry.Settings) {
		s.Numbers = slices.DeleteFunc(append(s.Numbers, add...), func(key string) bool { return slices.Contains(remove, key) })
	})
}

func (o *operator) guardKeys(literals []string) ([]string, error) {
	policy := guard.PhonePolicy{Countries: phonenumbers.GetSupportedRegions()}
	keys := make([]string, 0, len(literals))
	for _, literal := range literals {
		phone, err := guard.ParsePhone(literal, policy)
		if err != nil {
			return nil, err
		}
		keys = append(keys, sentry.Key(o.Ring.PhoneBase(phone)))
	}
	return keys, nil
}

func (o *operator) changeGuard(ctx context.Context, x *facade.Exchange, note any, change func(*sentry.Settings)) error {
	err := o.Admin.Change(ctx, func(q store.SQL) error {
		s, err := sentry.Load(ctx, q)
		if err != nil {
			return err
		}
		change(&s)
		if err := sentry.Save(ctx, q, s); err != nil {
			return err
		}
		return o.Admin.Record(ctx, q, by(x), "guard.update", "guard", nil, note)
	})
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, o.viewGuard())
}

// guardDecisions lists what was not allowed, newest first.
func (o *operator) guardDecisions(ctx context.Context, x *facade.Exchange) error {
	values, err := query(x, "app", "before", "limit")
	if err != nil {
		return err
	}
	app, err := number(values, "app", math.MaxUint32)
	if err != nil {
		return err
	}
	before, err := number(values, "before", math.MaxInt64)
	if err != nil {
		return err
	}
	limit, err := number(values, "limit", searchMost)
	if err != nil {
		return err
	}
	if limit == 0 {
		limit = pageSize
	}
	rows, err := o.Sentry.Decisions(ctx, core.AppID(app), int64(before), int(limit))
	if err != nil {
		return err
	}
	page := api.GuardDecisions{Decisions: make([]api.GuardDecision, 0, len(rows))}
	for _, d := range rows {
		page.Decisions = append(page.Decisions, api.GuardDecision{ID: strconv.FormatInt(d.ID, 10), Minute: d.Minute.Time().UTC(), Tenant: d.Tenant, App: d.App,
			Outcome: d.Outcome, Rule: d.Rule, Subject: d.Subject, Why: d.Why, Count: d.Count, Passed: d.Passed})
	}
	if len(rows) == int(limit) {
		page.Before = page.Decisions[limit-1].ID
	}
	return reply(x, http.StatusOK, page)
}

// guardLevels lists the subjects that this node sees filling up.
func (o *operator) guardLevels(_ context.Context, x *facade.Exchange) error {
	values, err := query(x, "limit")
	if err != nil {
		return err
	}
	limit, err := number(values, "limit", searchMost)
	if err != nil {
		return err
	}
	if limit == 0 {
		limit = pageSize
	}
	all := api.GuardLevels{Levels: []api.GuardLevel{}}
	for _, l := range o.Sentry.Levels(int(limit)) {
		view := api.GuardLevel{Kind: l.Subject.Kind.String(), Subject: l.Subject.String(), Unverified: round(l.Unverified), Threshold: round(l.Threshold),
			Usual: round(l.Usual), Failures: round(l.Failures), Most: round(l.Most), Outcome: l.Outcome.String(),
			Sent: int64(l.Sent), Verified: int64(l.Verified), Failed: int64(l.Failed), Refused: int64(l.Refused)}
		if !l.Until.IsZero() {
			until := l.Until.UTC()
			view.Until = &until
		}
		all.Levels = append(all.Levels, view)
	}
	return reply(x, http.StatusOK, all)
}

// round leaves a tenth.
func round(v float32) float64 { return math.Round(float64(v)*10) / 10 }

// showSpending is what an app spent of a day's caps: today's in its zone.
func (o *operator) showSpending(ctx context.Context, x *facade.Exchange) error {
	id, err := pathID(x, "app")
	if err != nil {
		return err
	}
	if _, err := query(x); err != nil {
		return err
	}
	app, known := o.Directory.App(core.AppID(id))
	if !known {
		return core.E(core.KindNotFound, "no such app")
	}
	year, month, date := o.Now().In(app.DayZone()).Date()
	var rows []store.Spend
	err = o.Database.View(ctx, func(q store.SQL) (err error) {
		rows, err = records.Spends(ctx, q, billing.DayOf(year, month, date), app.ID)
		return err
	})
	if err != nil {
		return err
	}
	spent := map[string]core.Credits{}
	for country := range app.Caps {
		spent[country] = 0
	}
	for _, row := range rows {
		country := row.Key.Country()
		if country == "" {
			country = billing.AllCountries
		}
		spent[country] = row.Amount
	}
	view := api.Spending{Day: time.Date(year, month, date, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), Of: []api.SpendingOf{}}
	for country, amount := range spent {
		of := api.SpendingOf{Country: country, Spent: amount}
		if most, capped := app.Caps[country]; capped {
			of.Cap = &most
		}
		view.Of = append(view.Of, of)
	}
	slices.SortFunc(view.Of, func(a, b api.SpendingOf) int {
		if a.Country < b.Country {
			return -1
		}
		return 1
	})
	return reply(x, http.StatusOK, view)
}
