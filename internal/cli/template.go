package cli

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
)

// templateCommands are yanma template ….
type templateCommands struct {
	Add     templateAddCommand     `cmd:"" help:"Add a template; it is pending until it is approved."`
	List    templateListCommand    `cmd:"" help:"List an app's templates, then those of every app."`
	Show    templateShowCommand    `cmd:"" help:"Show a template."`
	Edit    templateEditCommand    `cmd:"" help:"Change a template; it is pending again."`
	Approve templateApproveCommand `cmd:"" help:"Let messages be made of a template."`
	Reject  templateRejectCommand  `cmd:"" help:"Let none be made of it; its app is told why."`
	Delete  templateDeleteCommand  `cmd:"" help:"Remove a template; its id is never used again."`
}

// templateOf names a template of an app.
type templateOf struct {
	App core.AppID `help:"The app; 0 for the templates of every app." placeholder:"ID" required:""`
	ID  string     `arg:"" name:"template" help:"The template's id."`
}

type templateAddCommand struct {
	remote
	App    core.AppID `help:"The app." placeholder:"ID" required:""`
	Text   string     `arg:"" help:"Its wording, with {{name}} for each parameter, without signature."`
	Kind   string     `help:"What it is for: code, notice or market." enum:"code,notice,market" default:"notice"`
	TTL    int        `help:"Seconds that a code lives." name:"ttl" placeholder:"SECONDS"`
	Remark string     `help:"For whoever approves it; a {{url}} needs its link here." placeholder:"TEXT"`
	Name   string     `help:"How the templates of providers call it; its number unless told." placeholder:"NAME"`
	Import string     `help:"An id that was issued elsewhere, to be kept." placeholder:"ID"`
}

// Run adds a template.
func (c templateAddCommand) Run(ctx context.Context, w World) error {
	return c.template(w, func(server *client.Client) (catalogue.TemplateView, error) {
		return server.AddTemplate(ctx, c.App, api.NewTemplate{ID: c.Import, Name: c.Name, Kind: c.Kind, Text: c.Text, TTL: c.TTL, Remark: c.Remark})
	})
}

type templateListCommand struct {
	remote
	App core.AppID `help:"The app; 0 for the templates of every app." placeholder:"ID" required:""`
}

// Run lists templates.
func (c templateListCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	all, err := server.Templates(ctx, c.App)
	if err != nil {
		return err
	}
	return c.print(w, api.Templates{Templates: all}, func() error {
		rows := table{{"TEMPLATE", "APP", "NAME", "KIND", "STATE", "TEXT"}}
		for _, t := range all {
			rows = append(rows, []string{t.ID, id(t.App), t.Name, t.Kind, t.State, t.Text})
		}
		return rows.print(w.Stdout)
	})
}

type templateShowCommand struct {
	remote
	templateOf
}

// Run shows a template.
func (c templateShowCommand) Run(ctx context.Context, w World) error {
	return c.template(w, func(server *client.Client) (catalogue.TemplateView, error) { return server.Template(ctx, c.App, c.ID) })
}

type templateEditCommand struct {
	remote
	templateOf
	Text   *string `help:"Its wording." placeholder:"TEXT"`
	Kind   *string `help:"What it is for: code, notice or market." placeholder:"KIND"`
	TTL    *int    `help:"Seconds that a code lives." name:"ttl" placeholder:"SECONDS"`
	Remark *string `help:"For whoever approves it." placeholder:"TEXT"`
	Name   *string `help:"How the templates of providers call it." placeholder:"NAME"`
}

// Run changes a template.
func (c templateEditCommand) Run(ctx context.Context, w World) error {
	return c.template(w, func(server *client.Client) (catalogue.TemplateView, error) {
		return server.EditTemplate(ctx, c.App, c.ID, api.TemplateChange{Name: c.Name, Kind: c.Kind, Text: c.Text, TTL: c.TTL, Remark: c.Remark})
	})
}

type templateApproveCommand struct {
	remote
	templateOf
}

// Run approves a template.
func (c templateApproveCommand) Run(ctx context.Context, w World) error {
	return c.template(w, func(server *client.Client) (catalogue.TemplateView, error) {
		return server.ApproveTemplate(ctx, c.App, c.ID)
	})
}

type templateRejectCommand struct {
	remote
	templateOf
	Reason string `help:"Why; its app is told." placeholder:"TEXT"`
}

// Run rejects a template.
func (c templateRejectCommand) Run(ctx context.Context, w World) error {
	return c.template(w, func(server *client.Client) (catalogue.TemplateView, error) {
		return server.RejectTemplate(ctx, c.App, c.ID, c.Reason)
	})
}

type templateDeleteCommand struct {
	remote
	templateOf
}

// Run removes a template.
func (c templateDeleteCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	t, err := server.DeleteTemplate(ctx, c.App, c.ID)
	if err != nil {
		return err
	}
	return c.print(w, t, func() error { return say(w.Stdout, "template %s of app %d is gone.", t.ID, t.App) })
}

// template prints what a call says of a template.
func (r remote) template(w World, call func(*client.Client) (catalogue.TemplateView, error)) error {
	server, err := r.connect(w)
	if err != nil {
		return err
	}
	t, err := call(server)
	if err != nil {
		return err
	}
	return r.print(w, t, func() error {
		about := facts{{"template", t.ID}, {"app", appName(t.App)}, {"name", t.Name}, {"kind", t.Kind}, {"state", withReason(t.State, t.Reason)}, {"text", t.Text}}
		if t.TTL > 0 {
			about = append(about, [2]string{"a code lives", seconds(t.TTL)})
		}
		return append(about, [2]string{"remark", orDash(t.Remark)}).print(w.Stdout)
	})
}

func appName(app core.AppID) string {
	if app == 0 {
		return "every app"
	}
	return id(app)
}

func withReason(state, reason string) string {
	if reason == "" {
		return state
	}
	return state + ": " + reason
}

func seconds(n int) string { return id(int64(n)) + " s" }
