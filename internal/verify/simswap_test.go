package verify

import (
	"context"
	"testing"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/numberverify/simswap"
	"yanma.dev/yanma/internal/tenant"
)

// operator says one thing of every number.
type operator struct{ signal simswap.Signal }

func (o *operator) Signal(context.Context, core.Phone, int) simswap.Signal { return o.signal }

// TestReq27_SIMSwap: with require, neither a changed SIM nor an operator who
// does not answer lets a code out or a login in; nothing is charged, counted or
// used up by the refusal.
func TestReq27_SIMSwap(t *testing.T) {
	require := func(a *tenant.App) {
		a.SIMSwap = tenant.DefaultSIMSwap()
		a.SIMSwap.Send, a.SIMSwap.Login = tenant.SIMSwapRequire, tenant.SIMSwapRequire
	}
	for _, signal := range []simswap.Signal{simswap.Swapped, simswap.Unknown} {
		w := newWorld(t, setting{edit: require})
		o := &operator{signal: simswap.Clear}
		w.sims = simswap.NewGuard(o, quiet)
		code := w.send(t, phone)
		before := w.balance(billing.Available)
		o.signal = signal
		_, err := w.start(other)
		wantKind(t, err, core.KindLocked)
		if e := core.AsError(err); e.Field != simswap.Field || e.RetryAfter <= 0 {
			t.Errorf("%v", err)
		}
		_, err = w.login(phone, code)
		wantKind(t, err, core.KindLocked)
		if w.phones.count() != 1 || w.balance(billing.Available) != before || len(w.rows().Users) != 0 {
			t.Error("a refused action left something")
		}
		o.signal = simswap.Clear
		_, err = w.login(phone, code) // the refusal used nothing up
		wantOK(t, err)
		w.send(t, other) // nor its limits
	}
}
