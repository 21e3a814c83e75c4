package cli

import (
	"context"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
)

// numberCommands are yanma number ….
type numberCommands struct {
	Show   numberShowCommand   `cmd:"" help:"Show the wrong codes that are counted for a number."`
	Unlock numberUnlockCommand `cmd:"" help:"Clear them, so that a locked or disabled number can log in again."`
}

// numberOf names a number in an app.
type numberOf struct {
	App   core.AppID `help:"The app." placeholder:"ID" required:""`
	Phone string     `help:"The number, such as +8613800138000." placeholder:"NUMBER" required:""`
}

type numberShowCommand struct {
	remote
	numberOf
}

// Run shows the counters; the number is masked.
func (c numberShowCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	state, err := server.Number(ctx, c.App, c.Phone)
	if err != nil {
		return err
	}
	return c.print(w, state, func() error {
		about := facts{{"number", state.Phone}, {"app", id(c.App)}, {"locked", yesNo(state.Locked)}}
		if err := about.print(w.Stdout); err != nil || len(state.Counters) == 0 {
			return err
		}
		return counterTable(state.Counters).print(w.Stdout)
	})
}

func counterTable(all []api.Counters) table {
	rows := table{{"PURPOSE", "FROM", "RECENT", "CONSECUTIVE", "TOTAL", "LAST WRONG", "LOCKED UNTIL"}}
	for _, n := range all {
		until := "–"
		switch {
		case n.Disabled:
			until = "unlocked by an operator"
		case n.LockedUntil != nil:
			until = instant(*n.LockedUntil)
		}
		rows = append(rows, []string{n.Purpose, n.Scope, strconv.Itoa(n.Recent), strconv.Itoa(n.Consecutive), strconv.Itoa(n.Total), instant(n.LastWrong), until})
	}
	return rows
}

type numberUnlockCommand struct {
	remote
	numberOf
}

// Run clears the counters and says what they were.
func (c numberUnlockCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	unlocked, err := server.UnlockNumber(ctx, c.App, c.Phone)
	if err != nil {
		return err
	}
	return c.print(w, unlocked, func() error {
		if len(unlocked.Cleared) == 0 {
			return say(w.Stdout, "%s had no wrong tries in app %d.", unlocked.Phone, c.App)
		}
		if err := say(w.Stdout, "%s can log in to app %d again. It had:", unlocked.Phone, c.App); err != nil {
			return err
		}
		return counterTable(unlocked.Cleared).print(w.Stdout)
	})
}
