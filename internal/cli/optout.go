package cli

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
)

// optOutCommands are yanma optout ….
type optOutCommands struct {
	List   optOutListCommand   `cmd:"" help:"List numbers that want no marketing, newest first, masked."`
	Remove optOutRemoveCommand `cmd:"" help:"Take a number's opt-out back, because the person asked for it."`
}

type optOutListCommand struct {
	remote
	pageFlags
	App core.AppID `help:"An app of the tenant." placeholder:"ID" required:""`
}

// Run lists opt-outs.
func (c optOutListCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	found, err := server.OptOuts(ctx, c.App, c.Before, c.Limit)
	if err != nil {
		return err
	}
	return c.print(w, found, func() error {
		rows := table{{"ID", "AT", "APP", "NUMBER", "SIGNATURE"}}
		for _, o := range found.OptOuts {
			rows = append(rows, []string{o.ID, instant(o.At), id(o.App), o.Phone, o.Signature})
		}
		if err := rows.print(w.Stdout); err != nil || found.Before == "" {
			return err
		}
		return say(w.Stdout, "more: --before %s", found.Before)
	})
}

type optOutRemoveCommand struct {
	remote
	App       core.AppID `help:"An app of the tenant." placeholder:"ID" required:""`
	Number    string     `arg:"" help:"The number."`
	Signature string     `help:"The signature that it opted out of, without the brackets." placeholder:"TEXT" required:""`
}

// Run takes an opt-out back.
func (c optOutRemoveCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	done, err := server.RemoveOptOut(ctx, c.App, api.OptOutRemoval{Phone: c.Number, Signature: c.Signature})
	if err != nil {
		return err
	}
	return c.print(w, done, func() error {
		if !done.Removed {
			return say(w.Stdout, "%s had not opted out of %s.", done.Phone, c.Signature)
		}
		return say(w.Stdout, "%s gets marketing of %s again.", done.Phone, c.Signature)
	})
}
