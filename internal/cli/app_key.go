package cli

import (
	"context"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/tenant"
)

type appRotateKeyCommand struct {
	remote
	appArgument
	Overlap time.Duration `help:"How long the old keys stay valid, such as 24h; 0 ends them at once." default:"0s" placeholder:"TIME"`
}

// Run makes a new key.
func (c appRotateKeyCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	var rotation tenant.Rotation
	until := "at once"
	if c.Overlap != 0 {
		rotation.OldValidUntil = time.Now().Add(c.Overlap).UTC()
		until = instant(rotation.OldValidUntil)
	}
	app, key, err := server.RotateKey(ctx, c.App, rotation)
	if err != nil {
		return err
	}
	return c.print(w, api.AppWithKey{App: app, Key: key.Reveal()}, func() error {
		return printKey(w, fmt.Sprintf("app %d has a new key; older ones end: %s.", app.ID, until), key, nil)
	})
}

type appDisableCommand struct {
	remote
	appArgument
}

// Run disables the app.
func (c appDisableCommand) Run(ctx context.Context, w World) error {
	return c.switchApp(w, func(server *client.Client) (tenant.AppView, error) { return server.DisableApp(ctx, c.App) })
}

type appEnableCommand struct {
	remote
	appArgument
}

// Run enables the app.
func (c appEnableCommand) Run(ctx context.Context, w World) error {
	return c.switchApp(w, func(server *client.Client) (tenant.AppView, error) { return server.EnableApp(ctx, c.App) })
}

func (r remote) switchApp(w World, change func(*client.Client) (tenant.AppView, error)) error {
	server, err := r.connect(w)
	if err != nil {
		return err
	}
	app, err := change(server)
	if err != nil {
		return err
	}
	return r.print(w, app, func() error { return say(w.Stdout, "app %d is %s.", app.ID, state(app.Disabled)) })
}
