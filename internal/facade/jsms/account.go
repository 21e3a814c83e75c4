package jsms

import (
	"context"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/tenant"
)

// pools are the members of an answer, in the order of contracts/jsms.md §8.
var pools = [...]struct {
	name string
	pool core.Pool
}{{"_balance", core.PoolGeneral}, {"_voice", core.PoolVoice}, {"_industry", core.PoolIndustry}, {"_market", core.PoolMarket}}

// appBalance is what the app itself can spend.
func (d *dialect) appBalance(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	if err := d.poll(ctx, app, app.Unchallenged.JSMSBalance, 0); err != nil {
		return err
	}
	have, err := d.Balances.OfApp(ctx, app.ID)
	if err != nil {
		return err
	}
	if len(have) == 0 {
		return core.Field(core.KindForbidden, "quota")
	}
	x.Out = appendBalances(x.Out, "app", have)
	return nil
}

// developerBalance is what the app's tenant can spend. It has credentials of its
// own.
func (d *dialect) developerBalance(ctx context.Context, x *facade.Exchange) error {
	app, err := d.identify(ctx, x, tenant.DialectJSMSDeveloper)
	if err != nil {
		return err
	}
	if err := d.poll(ctx, app, app.Unchallenged.JSMSBalance, 1); err != nil {
		return err
	}
	have, err := d.Balances.OfTenant(ctx, app.Tenant)
	if err != nil {
		return err
	}
	x.Out = appendBalances(x.Out, "dev", have)
	return nil
}

func appendBalances(out []byte, whose string, have map[core.Pool]core.Credits) []byte {
	out = append(out, '{')
	for i, p := range pools {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = append(out, whose...)
		out = append(out, p.name...)
		out = append(out, `":`...)
		if credits, assigned := have[p.pool]; assigned {
			out = strconv.AppendInt(out, int64(credits), 10)
		} else {
			out = append(out, "null"...)
		}
	}
	return append(out, '}')
}

// poll counts a question of an app; which tells apart questions of one rule.
func (d *dialect) poll(ctx context.Context, app *tenant.App, rule *guard.Rule, which uint64) error {
	var space [1]guard.Bucket
	return d.take(ctx, rule.For(space[:0], d.Subjects, uint64(app.ID)<<1|which, uint32(app.ID)))
}
