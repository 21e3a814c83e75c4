package cli

import (
	"context"
)

// auditCommands are yanma audit ….
type auditCommands struct {
	List auditListCommand `cmd:"" help:"List changes, newest first."`
}

type auditListCommand struct {
	remote
	Limit  int   `help:"How many, up to 500." default:"50" placeholder:"N"`
	Before int64 `help:"Only changes before this one." placeholder:"ID"`
}

// Run lists a page of changes.
func (c auditListCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	page, err := server.Audit(ctx, c.Before, c.Limit)
	if err != nil {
		return err
	}
	return c.print(w, page, func() error {
		rows := table{{"ID", "AT", "ACTOR", "ACTION", "OBJECT", "REQUEST"}}
		for _, e := range page.Entries {
			rows = append(rows, []string{id(e.ID), instant(e.At), e.Actor, e.Action, e.Object, orDash(e.Request)})
		}
		if err := rows.print(w.Stdout); err != nil || page.Before == 0 {
			return err
		}
		return say(w.Stdout, "more: --before %d", page.Before)
	})
}
