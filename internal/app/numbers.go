package app

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"time"

	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/declare"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/numberverify/camaraup"
	"yanma.dev/yanma/internal/numberverify/chinamobile"
	"yanma.dev/yanma/internal/numberverify/declared"
	"yanma.dev/yanma/internal/numberverify/operatorapi"
	"yanma.dev/yanma/internal/numberverify/simswap"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// openNumbers makes number verification with the configured gateways, in their
// order.
func (a *App) openNumbers(context.Context) error {
	var routes []numberverify.Route
	for _, c := range a.config.Carriers {
		gateway, err := a.openCarrier(c)
		if err != nil {
			return fmt.Errorf("carrier %s: %w", c.Name, err)
		}
		device, err := a.deviceRoute(c)
		if err != nil {
			return fmt.Errorf("carrier %s: %w", c.Name, err)
		}
		routes = append(routes, numberverify.Route{Gateway: gateway, Apps: c.Apps, Device: device})
	}
	a.numbers = numberverify.New(numberverify.Options{Store: a.prompt, Ring: a.ring, IDs: a.ids, Now: a.deps.Now, Log: a.log, Routes: routes,
		Limit: a.config.Numbers.TimeLimit.D(), Lives: a.config.Numbers.Lives(), Alone: a.config.Store.Database.IsZero(),
		ProofKeys: a.proofKeys(routes)})
	return nil
}

// proofKeys reads which proofs have rows, a page at a time; nobody needs to know
// where no proofs can be asked with.
func (a *App) proofKeys(routes []numberverify.Route) numberverify.ProofKeys {
	if len(routes) == 0 {
		return nil
	}
	return func(ctx context.Context, f func(store.ProofKey)) error {
		const page = 5000
		after, n := make([]byte, len(store.ProofKey{})), page
		for n == page {
			err := a.database.View(ctx, func(q store.SQL) (err error) {
				after, n, err = records.ProofKeys(ctx, q, after, page, f)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// openCarrier makes one gateway. A new kind is one case here.
func (a *App) openCarrier(c config.Carrier) (numberverify.Gateway, error) {
	dial := a.dialFrom(c.Egress)
	switch c.Type {
	case "camara":
		return camaraup.New(c.Camara(), operatorapi.Deps{Now: a.deps.Now, Random: a.deps.Random, Dial: dial})
	case "http":
		return declared.New(c.Declared(), declared.Deps{Now: a.deps.Now, Random: a.deps.Random, Dial: dial})
	case "chinamobile":
		return chinamobile.New(c.ChinaMobile(), chinamobile.Deps{Now: a.deps.Now, Random: a.deps.Random, Dial: dial})
	default:
		return nil, fmt.Errorf("there is no gateway of type %q", c.Type)
	}
}

// openSIMSwap makes the guard over numbers whose SIM was changed lately. Without
// an operator to ask, what requires to know is refused.
func (a *App) openSIMSwap() (*simswap.Guard, error) {
	if a.config.SIMSwap.URL == "" {
		return simswap.NewGuard(nil, a.log), nil
	}
	client, err := simswap.New(a.config.SIMSwap.Client(), operatorapi.Deps{Now: a.deps.Now, Random: a.deps.Random, Dial: a.dialFrom(a.config.SIMSwap.Egress)})
	if err != nil {
		return nil, fmt.Errorf("sim_swap: %w", err)
	}
	a.operators = append(a.operators, client)
	return simswap.NewGuard(client, a.log), nil
}

// simSwapStats counts what the operator says; nil where none is configured.
func (a *App) simSwapStats() func() simswap.Stats {
	if len(a.operators) == 0 {
		return nil
	}
	return a.operators[0].Stats
}

// dialFrom opens connections from an address of our own: carriers let in only
// those that are registered (contracts/carriers.md §1).
func (a *App) dialFrom(egress string) func(ctx context.Context, network, address string) (net.Conn, error) {
	if a.deps.World.Dial != nil || egress == "" {
		return a.deps.World.Dial
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(egress)}}
	return dialer.DialContext
}

// deviceRoute is how browsers get proofs for a gateway; nil when they do not.
func (a *App) deviceRoute(c config.Carrier) (*numberverify.DeviceRoute, error) {
	d := c.Device
	if d.Mode == "" {
		return nil, nil //nolint:nilnil // it is not offered to browsers
	}
	signer, err := declared.NewSigner(c.Page(), declared.Deps{Now: a.deps.Now, Random: a.deps.Random})
	if err != nil {
		return nil, err
	}
	route := &numberverify.DeviceRoute{Carriers: c.Whose(), Mode: d.Mode, Method: cmp.Or(d.Method, "GET"), URL: d.URL, Encoding: d.Encoding, Params: signer.Params}
	if d.Token != "" {
		route.Token = func(answer string) string { return textAt(answer, d.Token) }
	}
	return route, nil
}

// textAt is the text at a path such as data.token of a JSON document; "" when
// there is none.
func textAt(document, path string) string {
	v, ok := declare.ParseJSON([]byte(document))
	if !ok || path == "" {
		return ""
	}
	return declare.At(v, path)
}

// NoteProof notes a proof that the simulator made, as if our own script had
// reported it: its carrier and life are known, and any app may ask with it.
func (a *App) NoteProof(ctx context.Context, c numberverify.Carrier, token core.Secret, life time.Duration) error {
	return a.numbers.Note(ctx, c, token, life)
}

// numberChecks gives back what questions hold that a crash left behind.
func (s *sweeper) numberChecks(ctx context.Context, now time.Time) error {
	var lapsed []core.NumberCheckID
	err := s.app.database.View(ctx, func(q store.SQL) (err error) {
		lapsed, err = records.LapsedNumberChecks(ctx, q, store.At(now), sweepRows)
		return err
	})
	if err != nil {
		return err
	}
	return s.app.numbers.Lapse(ctx, lapsed)
}
