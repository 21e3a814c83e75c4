package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
)

// creditCommands are yanma credit ….
type creditCommands struct {
	Add  creditAddCommand  `cmd:"" help:"Top up an app or a tenant."`
	Show creditShowCommand `cmd:"" help:"Show what an app or a tenant has."`
}

// owner is whose credit it is.
type owner struct {
	App    core.AppID    `help:"The app." placeholder:"ID" xor:"owner" required:""`
	Tenant core.TenantID `help:"The tenant." placeholder:"ID" xor:"owner" required:""`
}

func (o owner) String() string {
	if o.App != 0 {
		return fmt.Sprintf("app %d", o.App)
	}
	return fmt.Sprintf("tenant %d", o.Tenant)
}

type creditAddCommand struct {
	remote
	owner
	Amount core.Credits `arg:"" help:"Credits. Unspent ones are taken back with a negative amount after --: credit add --app 1 -- -5"`
	Pool   string       `help:"general, voice, industry or market." enum:"general,voice,industry,market" default:"general"`
	Key    string       `help:"Idempotency key of a top-up that is said again: it is made once." placeholder:"KEY"`
}

// Run tops up, once even when it is said again with the same key.
func (c creditAddCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	key := c.Key
	if key == "" {
		key = rand.Text()
	}
	added, err := c.add(ctx, server, key)
	if err != nil {
		return repeatable(err, key)
	}
	return c.print(w, added, func() error {
		return say(w.Stdout, "%s: %+d in pool %s, %d can be spent now (ledger entry %s).", c.owner, added.Amount, added.Pool, added.Available, added.Entry)
	})
}

func (c creditAddCommand) add(ctx context.Context, server *client.Client, key string) (api.CreditAdded, error) {
	credit := api.NewCredit{Amount: c.Amount, Pool: c.Pool}
	if c.App != 0 {
		return server.AddAppCredit(ctx, c.App, credit, key)
	}
	return server.AddTenantCredit(ctx, c.Tenant, credit, key)
}

// repeatable adds how to repeat a call that may have taken effect.
func repeatable(err error, key string) error {
	var refused *client.Error
	if errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
		return err
	}
	return fmt.Errorf("%w; say it again with --key %s to be sure that it is made once", err, key)
}

type creditShowCommand struct {
	remote
	owner
}

// Run shows balances by pool.
func (c creditShowCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	credit, err := c.credit(ctx, server)
	if err != nil {
		return err
	}
	return c.print(w, credit, func() error {
		rows := table{{"POOL", "AVAILABLE", "HELD", "SPENT", "FUNDED"}}
		for _, p := range credit.Pools {
			rows = append(rows, []string{p.Pool, id(p.Available), id(p.Held), id(p.Spent), id(p.Funded)})
		}
		return rows.print(w.Stdout)
	})
}

func (c creditShowCommand) credit(ctx context.Context, server *client.Client) (api.Credit, error) {
	if c.App != 0 {
		return server.AppCredit(ctx, c.App)
	}
	return server.TenantCredit(ctx, c.Tenant)
}
