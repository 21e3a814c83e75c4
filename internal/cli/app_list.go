package cli

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
)

type appListCommand struct {
	remote
	Tenant core.TenantID `help:"Only the apps of this tenant." placeholder:"ID"`
}

// Run lists apps by id.
func (c appListCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	apps, err := server.Apps(ctx, c.Tenant)
	if err != nil {
		return err
	}
	return c.print(w, api.Apps{Apps: apps}, func() error {
		rows := table{{"APP", "TENANT", "NAME", "STATE", "DIALECTS", "CREATED"}}
		for _, a := range apps {
			rows = append(rows, []string{id(a.ID), id(a.Tenant), a.Name, state(a.Disabled), list(a.Settings.Dialects), instant(a.Created)})
		}
		return rows.print(w.Stdout)
	})
}
