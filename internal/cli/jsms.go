package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/tenant"
)

// appJSMSCommands are yanma app jsms ….
type appJSMSCommands struct {
	RotateKey jsmsRotateCommand `cmd:"" help:"Make a new masterSecret, the first time with an appKey, and print both, this once."`
}

type jsmsRotateCommand struct {
	remote
	appArgument
	Developer bool          `help:"The developer's devKey and apiDevSecret instead."`
	Overlap   time.Duration `help:"How long the old secret stays valid, such as 24h; 0 ends it at once." default:"0s" placeholder:"TIME"`
}

// Run makes a new secret.
func (c jsmsRotateCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	body := api.JSMSRotation{Developer: c.Developer}
	until := "at once"
	if c.Overlap != 0 {
		at := time.Now().Add(c.Overlap).UTC()
		body.OldValidUntil, until = &at, instant(at)
	}
	made, err := server.RotateJSMS(ctx, c.App, body)
	if err != nil {
		return err
	}
	key := "appKey"
	if c.Developer {
		key = "devKey"
	}
	return c.print(w, made, func() error {
		return printKey(w, fmt.Sprintf("app %d has a new secret for %s %s; older ones end: %s.", made.App.ID, key, made.Key, until), core.NewSecret(made.Secret), nil)
	})
}

type importJSMSCommand struct{ importYunboxCommand }

// Run imports, and prints a report in any case.
func (c importJSMSCommand) Run(ctx context.Context, w World) error {
	return c.run(w, func(server *client.Client, file io.Reader) (tenant.ImportReport, error) {
		return server.ImportJSMS(ctx, c.App, file, c.DryRun)
	})
}
