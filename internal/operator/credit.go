package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// mostCredits of one top-up: sums of many stay far from the end of int64.
const mostCredits = core.Credits(1_000_000_000_000_000)

// owner is whose accounts a request is about.
type owner struct {
	id     billing.Owner
	tenant core.TenantID
	app    core.AppID // 0 for a tenant's
	object string     // for the audit
}

func (w owner) payer(pool core.Pool) billing.Payer {
	return billing.Payer{Owner: w.id, Tenant: w.tenant, App: w.app, Pool: pool}
}

func (o *operator) tenantOwner(ctx context.Context, x *facade.Exchange) (owner, error) {
	id, err := pathID(x, "tenant")
	if err != nil {
		return owner{}, err
	}
	view, err := o.Admin.Tenant(ctx, core.TenantID(id))
	if err != nil {
		return owner{}, err
	}
	return owner{id: billing.OwnerTenant(view.ID), tenant: view.ID, object: fmt.Sprintf("tenant %d", id)}, nil
}

func (o *operator) appOwner(ctx context.Context, x *facade.Exchange, toAdd bool) (owner, error) {
	id, err := pathID(x, "app")
	if err != nil {
		return owner{}, err
	}
	view, err := o.Admin.ShowApp(ctx, core.AppID(id))
	if err != nil {
		return owner{}, err
	}
	if toAdd && view.Settings.TenantPays {
		return owner{}, core.E(core.KindConflict, fmt.Sprintf("tenant %d pays for this app: add to its credit", view.Tenant))
	}
	return owner{id: billing.OwnerApp(view.ID), tenant: view.Tenant, app: view.ID, object: fmt.Sprintf("app %d", id)}, nil
}

func (o *operator) showTenantCredit(ctx context.Context, x *facade.Exchange) error {
	w, err := o.tenantOwner(ctx, x)
	if err != nil {
		return err
	}
	return o.showCredit(ctx, x, w)
}

func (o *operator) showAppCredit(ctx context.Context, x *facade.Exchange) error {
	w, err := o.appOwner(ctx, x, false)
	if err != nil {
		return err
	}
	return o.showCredit(ctx, x, w)
}

func (o *operator) addTenantCredit(ctx context.Context, x *facade.Exchange) error {
	w, err := o.tenantOwner(ctx, x)
	if err != nil {
		return err
	}
	return o.addCredit(ctx, x, w)
}

func (o *operator) addAppCredit(ctx context.Context, x *facade.Exchange) error {
	w, err := o.appOwner(ctx, x, true)
	if err != nil {
		return err
	}
	return o.addCredit(ctx, x, w)
}

// addCredit tops up. The audit row, and the id that the ledger entry will
// have, are on disk before the money moves.
func (o *operator) addCredit(ctx context.Context, x *facade.Exchange, w owner) error {
	var request api.NewCredit
	body, err := decode(x, &request)
	if err != nil {
		return err
	}
	pool, err := poolOf(request.Pool)
	if err != nil {
		return err
	}
	if request.Amount == 0 || request.Amount > mostCredits || request.Amount < -mostCredits {
		return &core.Error{Kind: core.KindBadField, Field: "amount", Detail: fmt.Sprintf("want a number other than 0 within ±%d", mostCredits)}
	}
	t, err := o.begin(ctx, x, body)
	if err != nil {
		return err
	}
	defer t.end()
	if t.replay(x) {
		return nil
	}
	added := api.CreditAdded{Pool: pool.String(), Amount: request.Amount, Entry: strconv.FormatInt(t.ref, 10)}
	err = t.note(ctx, func(q store.SQL) error {
		return o.Admin.Record(ctx, q, by(x), "credit.add", w.object, nil, creditNote{added.Pool, added.Amount, added.Entry})
	})
	if err != nil {
		return err
	}
	return o.topUp(ctx, x, t, w, pool, added)
}

// topUp moves the money, and notes the answer in the same commit.
func (o *operator) topUp(ctx context.Context, x *facade.Exchange, t *attempt, w owner, pool core.Pool, added api.CreditAdded) error {
	c := &billing.TopUp{IDs: o.IDs, ID: core.LedgerID(t.ref), Payer: w.payer(pool), Amount: added.Amount}
	answer := func() []byte {
		added.Available = c.Balance
		body, _ := encode(added) // text and numbers: it can not fail
		return body
	}
	err := o.Commands.Do(ctx, t.around(c, answer))
	switch {
	case err == nil:
		x.Out = append(x.Out, answer()...)
		return nil
	case errors.Is(err, idempotency.ErrAnswered) && t.replay(x):
		return nil
	}
	return o.creditRefused(ctx, x, t, w, err)
}

// creditNote is what the audit keeps of a top-up.
type creditNote struct {
	Pool   string       `json:"pool"`
	Amount core.Credits `json:"amount"`
	Entry  string       `json:"entry"`
}

// creditRefused gives the key free when it is certain that no money moved.
func (o *operator) creditRefused(ctx context.Context, x *facade.Exchange, t *attempt, w owner, reason error) error {
	if core.KindOf(reason) == core.KindInternal {
		return reason
	}
	err := t.refused(ctx, func(q store.SQL) error {
		return o.Admin.Record(ctx, q, by(x), "credit.refused", w.object, nil,
			map[string]string{"entry": strconv.FormatInt(t.ref, 10), "reason": core.KindOf(reason).String()})
	})
	if err != nil {
		return errors.Join(reason, err)
	}
	return reason
}

func poolOf(name string) (core.Pool, error) {
	if name == "" {
		return core.PoolGeneral, nil
	}
	pool, known := core.PoolNamed(name)
	if !known {
		return 0, &core.Error{Kind: core.KindBadField, Field: "pool", Detail: "want general, voice, industry or market"}
	}
	return pool, nil
}

func (o *operator) showCredit(ctx context.Context, x *facade.Exchange, w owner) error {
	pools := []api.PoolCredit{{Pool: core.PoolGeneral.String()}}
	err := o.Database.View(ctx, func(q store.SQL) error {
		for pool := core.PoolGeneral; pool <= core.PoolMarket; pool++ {
			balances, err := records.Balances(ctx, q, billing.Account(w.id, pool, 0), billing.Account(w.id, pool, 15))
			if err != nil {
				return err
			}
			if len(balances) == 0 {
				continue
			}
			if pool != core.PoolGeneral {
				pools = append(pools, api.PoolCredit{Pool: pool.String()})
			}
			p := &pools[len(pools)-1]
			p.Available, p.Held, p.Spent, p.Funded = byKind(balances)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, api.Credit{Pools: pools})
}

// byKind sorts balances; what was funded is positive.
func byKind(balances []records.Balance) (available, held, spent, funded core.Credits) {
	for _, b := range balances {
		switch billing.Kind(b.Account & 15) {
		case billing.Available:
			available = b.Credits
		case billing.Held:
			held = b.Credits
		case billing.Revenue:
			spent = b.Credits
		case billing.Funding:
			funded = -b.Credits
		}
	}
	return available, held, spent, funded
}

func (o *operator) ledger(ctx context.Context, x *facade.Exchange) error {
	var sums []records.Balance
	err := o.Database.View(ctx, func(q store.SQL) (err error) {
		sums, err = records.BalanceSums(ctx, q)
		return err
	})
	if err != nil {
		return err
	}
	var l api.Ledger
	l.Available, l.Held, l.Spent, l.Funded = byKind(sums)
	l.Sum = l.Available + l.Held + l.Spent - l.Funded
	l.Balanced = l.Sum == 0
	return reply(x, http.StatusOK, l)
}
