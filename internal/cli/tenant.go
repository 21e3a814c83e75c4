package cli

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/tenant"
)

// tenantCommands are yanma tenant ….
type tenantCommands struct {
	Create tenantCreateCommand `cmd:"" help:"Make a tenant."`
	List   tenantListCommand   `cmd:"" help:"List tenants."`
	Show   tenantShowCommand   `cmd:"" help:"Show a tenant."`
	Set    tenantSetCommand    `cmd:"" help:"Disable an account, or take products away from it."`
}

type tenantCreateCommand struct {
	remote
	Name string `arg:"" help:"Its name, unique in the installation."`
}

// Run makes a tenant.
func (c tenantCreateCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	made, err := server.CreateTenant(ctx, c.Name)
	if err != nil {
		return err
	}
	return c.print(w, made, func() error { return say(w.Stdout, "tenant %d %q made.", made.ID, made.Name) })
}

type tenantListCommand struct{ remote }

// Run lists tenants by id.
func (c tenantListCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	all, err := server.Tenants(ctx)
	if err != nil {
		return err
	}
	return c.print(w, api.Tenants{Tenants: all}, func() error {
		rows := table{{"TENANT", "NAME", "CREATED"}}
		for _, t := range all {
			rows = append(rows, []string{id(t.ID), t.Name, instant(t.Created)})
		}
		return rows.print(w.Stdout)
	})
}

type tenantShowCommand struct {
	remote
	Tenant core.TenantID `arg:"" help:"The tenant's id."`
}

// Run shows one tenant.
func (c tenantShowCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	shown, err := server.Tenant(ctx, c.Tenant)
	if err != nil {
		return err
	}
	return c.print(w, shown, func() error { return printTenant(w, shown) })
}

func printTenant(w World, t tenant.TenantView) error {
	about := facts{{"tenant", id(t.ID)}, {"name", t.Name}, {"created", instant(t.Created)}, {"tenant id", t.TenantID}}
	if len(t.Hosts) > 0 {
		about = append(about, [2]string{"hosts", list(t.Hosts)})
	}
	if t.Disabled || len(t.Denied) > 0 {
		about = append(about, [2]string{"state", state(t.Disabled)}, [2]string{"denied", list(t.Denied)})
	}
	return about.print(w.Stdout)
}
