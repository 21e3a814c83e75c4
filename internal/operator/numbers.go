package operator

import (
	"context"
	"fmt"
	"net/http"

	"github.com/nyaruka/phonenumbers"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

// showNumber reads a number's wrong-try counters. The number stands in the
// body, not in the URL (requirement row 15).
func (o *operator) showNumber(ctx context.Context, x *facade.Exchange) error {
	app, phone, err := o.numberOf(x)
	if err != nil {
		return err
	}
	found, err := o.counters(ctx, app, phone, false)
	if err != nil {
		return err
	}
	state := api.NumberState{Phone: phone.Masked(), Counters: o.viewCounters(app, found)}
	now, policy := store.At(o.Now()), o.failuresOf(app)
	for _, f := range found {
		if _, locked := policy.Locked(policy.Settle(f, now), now); locked {
			state.Locked = true
		}
	}
	return reply(x, http.StatusOK, state)
}

// unlockNumber clears the counters. The audit row is on disk before; it holds
// them as they were then.
func (o *operator) unlockNumber(ctx context.Context, x *facade.Exchange) error {
	app, phone, err := o.numberOf(x)
	if err != nil {
		return err
	}
	before, err := o.counters(ctx, app, phone, false)
	if err != nil {
		return err
	}
	note := api.NumberUnlocked{Phone: phone.Masked(), Cleared: o.viewCounters(app, before)}
	if len(before) == 0 {
		return reply(x, http.StatusOK, note) // nothing changes
	}
	if err := o.record(ctx, x, "number.unlock", app.ID, note, map[string]string{"phone": phone.Masked()}); err != nil {
		return err
	}
	cleared, err := o.counters(ctx, app, phone, true)
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, api.NumberUnlocked{Phone: phone.Masked(), Cleared: o.viewCounters(app, cleared)})
}

func (o *operator) record(ctx context.Context, x *facade.Exchange, action string, app core.AppID, before, after any) error {
	return records.Update(ctx, o.Database, func(q store.SQL) error {
		return o.Admin.Record(ctx, q, by(x), action, fmt.Sprintf("app %d", app), before, after)
	})
}

// numberOf reads which number in which app. A number of any region is taken:
// the app's list may have had it once.
func (o *operator) numberOf(x *facade.Exchange) (*tenant.App, core.Phone, error) {
	id, err := pathID(x, "app")
	if err != nil {
		return nil, core.Phone{}, err
	}
	var request api.Number
	if _, err := decode(x, &request); err != nil {
		return nil, core.Phone{}, err
	}
	app, found := o.Directory.App(core.AppID(id))
	if !found {
		return nil, core.Phone{}, core.E(core.KindNotFound, "no such app")
	}
	if _, test := app.TestCode(request.Phone); test {
		return nil, core.Phone{}, core.E(core.KindTestNumber, "nothing is counted for it")
	}
	phone, err := guard.ParsePhone(request.Phone, guard.PhonePolicy{Countries: phonenumbers.GetSupportedRegions()})
	return app, phone, err
}

func (o *operator) counters(ctx context.Context, app *tenant.App, phone core.Phone, unlock bool) ([]store.Failure, error) {
	c := &verify.Counters{App: app.ID, Index: o.Ring.Index(phone), Clear: unlock}
	err := o.Commands.Do(ctx, c)
	if err != nil {
		return nil, err
	}
	return c.Found, nil
}

// failuresOf is how many wrong tries count in an app: the oneaccess dialect has a
// lock of its own (contracts/oneaccess.md §2.4).
func (o *operator) failuresOf(app *tenant.App) guard.FailurePolicy {
	if app.Uses(tenant.DialectOneaccess) && !app.Uses(tenant.DialectYunbox) {
		return guard.RowPolicy()
	}
	return o.Failures
}

// viewCounters shows counters as they stand now: after a pause, a served lock.
func (o *operator) viewCounters(app *tenant.App, found []store.Failure) []api.Counters {
	policy := o.failuresOf(app)
	views := []api.Counters{}
	for _, f := range found {
		f = policy.Settle(f, store.At(o.Now()))
		v := api.Counters{Purpose: f.Purpose.String(), Scope: "anyone", Recent: int(f.Recent), Consecutive: int(f.Consecutive),
			Total: int(f.Total), LastWrong: f.LastWrong.Time().UTC(), Disabled: f.Disabled}
		if f.Scope != 0 {
			v.Scope = "known"
		}
		now := store.At(o.Now())
		if left, locked := policy.Locked(f, now); locked && !f.Disabled {
			until := now.Add(left).Time().UTC()
			v.LockedUntil = &until
		}
		views = append(views, v)
	}
	return views
}
