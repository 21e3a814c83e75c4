package cli

import (
	"context"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
)

// userCommands are yanma user ….
type userCommands struct {
	Show    userShowCommand    `cmd:"" help:"Show where a user stands."`
	Logins  userLoginsCommand  `cmd:"" help:"List what happened to a user: logins, refusals, logouts."`
	Disable userDisableCommand `cmd:"" help:"End all sessions of a user, who may not log in any more."`
	Enable  userEnableCommand  `cmd:"" help:"Let a user log in again."`
	Logout  userLogoutCommand  `cmd:"" help:"End all sessions of a user."`
}

// userOf names a user of an app.
type userOf struct {
	App   core.AppID `help:"The app." placeholder:"ID" required:""`
	ID    string     `help:"The user, as the app knows it." placeholder:"ID" xor:"who" required:""`
	Phone string     `help:"The user's number, such as +8613800138000." placeholder:"NUMBER" xor:"who" required:""`
}

func (u userOf) name() api.UserName { return api.UserName{ID: u.ID, Phone: u.Phone} }

type userShowCommand struct {
	remote
	userOf
}

// Run shows the user; the number is masked.
func (c userShowCommand) Run(ctx context.Context, w World) error {
	return c.run(ctx, w, c.App, c.name(), (*client.Client).User)
}

type userDisableCommand struct {
	remote
	userOf
}

// Run disables the user.
func (c userDisableCommand) Run(ctx context.Context, w World) error {
	return c.run(ctx, w, c.App, c.name(), (*client.Client).DisableUser)
}

type userEnableCommand struct {
	remote
	userOf
}

// Run enables the user.
func (c userEnableCommand) Run(ctx context.Context, w World) error {
	return c.run(ctx, w, c.App, c.name(), (*client.Client).EnableUser)
}

type userLogoutCommand struct {
	remote
	userOf
}

// Run ends the user's sessions.
func (c userLogoutCommand) Run(ctx context.Context, w World) error {
	return c.run(ctx, w, c.App, c.name(), (*client.Client).LogOutUser)
}

// run does something to a user and shows the user as it is then.
func (r remote) run(ctx context.Context, w World, app core.AppID, who api.UserName,
	do func(*client.Client, context.Context, core.AppID, api.UserName) (api.User, error)) error {
	server, err := r.connect(w)
	if err != nil {
		return err
	}
	u, err := do(server, ctx, app, who)
	if err != nil {
		return err
	}
	return r.print(w, u, func() error {
		about := facts{{"user", u.ID}, {"number", u.Phone}, {"disabled", yesNo(u.Disabled)}, {"sessions", strconv.Itoa(u.Sessions)}}
		if u.LastLogin != nil {
			about = append(about, [2]string{"last login", instant(*u.LastLogin)})
		}
		if u.Ended != nil {
			about = append(about, [2]string{"ended", strconv.Itoa(*u.Ended)})
		}
		return about.print(w.Stdout)
	})
}

type userLoginsCommand struct {
	remote
	userOf
	Before string `help:"Go on before this id." placeholder:"ID"`
	Limit  int    `help:"So many at most." default:"50"`
}

// Run lists the events, newest first.
func (c userLoginsCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	who := c.name()
	who.Before, who.Limit = c.Before, c.Limit
	u, err := server.User(ctx, c.App, who)
	if err != nil {
		return err
	}
	return c.print(w, u, func() error {
		rows := table{{"WHEN", "APP", "WHAT", "CODE FOR", "SESSION", "DEVICE", "ID"}}
		for _, l := range u.Logins {
			rows = append(rows, []string{instant(l.At), strconv.FormatInt(l.App, 10), l.Kind, l.Purpose, l.Session, l.Device, l.ID})
		}
		return rows.print(w.Stdout)
	})
}
