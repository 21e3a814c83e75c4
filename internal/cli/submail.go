package cli

import (
	"context"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/tenant"
)

// appSubmailCommands are yanma app submail ….
type appSubmailCommands struct {
	RotateKey submailRotateCommand `cmd:"" help:"Make a new appkey, the first time with an appid, and print both, this once."`
	Revoke    submailRevokeCommand `cmd:"" help:"End every appkey of the app at once."`
}

type submailRotateCommand struct {
	remote
	appArgument
	AppID   string        `help:"Which of several appids, or the one that the app gets." name:"appid" placeholder:"APPID"`
	Overlap time.Duration `help:"How long the old appkey stays valid, such as 24h; 0 ends it at once." default:"0s" placeholder:"TIME"`
}

// Run makes a new appkey.
func (c submailRotateCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	body := api.SubmailRotation{AppID: c.AppID}
	until := "at once"
	if c.Overlap != 0 {
		at := time.Now().Add(c.Overlap).UTC()
		body.OldValidUntil, until = &at, instant(at)
	}
	made, err := server.RotateSubmail(ctx, c.App, body)
	if err != nil {
		return err
	}
	return c.print(w, made, func() error {
		return printKey(w, fmt.Sprintf("app %d has a new appkey for appid %s; older ones end: %s.", made.App.ID, made.AppID, until), core.NewSecret(made.AppKey), nil)
	})
}

type submailRevokeCommand struct {
	remote
	appArgument
}

// Run ends every appkey.
func (c submailRevokeCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	app, err := server.RevokeSubmail(ctx, c.App)
	if err != nil {
		return err
	}
	return c.print(w, app, func() error { return say(w.Stdout, "app %d has no valid appkey.", app.ID) })
}

type tenantSetCommand struct {
	remote
	Tenant   core.TenantID `arg:"" help:"The tenant's id."`
	Disabled *bool         `help:"Whether its apps may call nothing." negatable:""`
	Denied   listFlag      `help:"Products that it has no right to: number-verification, one-click-login. An empty text denies none." name:"deny" placeholder:"PRODUCT"`
	Hosts    listFlag      `help:"Host names that are its own, without port; repeat, or separate by commas. An empty text is none." name:"host" placeholder:"HOST"`
}

// Run changes what was said and shows the tenant.
func (c tenantSetCommand) Run(ctx context.Context, w World) error {
	return c.show(w, func(server *client.Client) (tenant.TenantView, error) {
		return server.UpdateTenant(ctx, c.Tenant, tenant.TenantPatch{Disabled: c.Disabled, Denied: listOf[string](c.Denied), Hosts: c.Hosts.values})
	})
}

func (r remote) show(w World, change func(*client.Client) (tenant.TenantView, error)) error {
	server, err := r.connect(w)
	if err != nil {
		return err
	}
	shown, err := change(server)
	if err != nil {
		return err
	}
	return r.print(w, shown, func() error { return printTenant(w, shown) })
}
