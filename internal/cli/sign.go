package cli

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
)

// signCommands are yanma sign ….
type signCommands struct {
	Add     signAddCommand     `cmd:"" help:"Add a signature; it is pending until it is approved."`
	List    signListCommand    `cmd:"" help:"List an app's signatures."`
	Show    signShowCommand    `cmd:"" help:"Show a signature."`
	Approve signApproveCommand `cmd:"" help:"Let a signature lead messages; the first one becomes the default."`
	Reject  signRejectCommand  `cmd:"" help:"Let it lead none; its app is told why."`
	Default signDefaultCommand `cmd:"" help:"Put it before messages that name none."`
	Delete  signDeleteCommand  `cmd:"" help:"Remove a signature that is not the default."`
}

// signOf names a signature of an app.
type signOf struct {
	App core.AppID `help:"The app." placeholder:"ID" required:""`
	ID  string     `arg:"" name:"sign" help:"The signature's id."`
}

type signAddCommand struct {
	remote
	App    core.AppID `help:"The app." placeholder:"ID" required:""`
	Text   string     `arg:"" help:"The signature: 2 to 8 letters or digits, without 【】."`
	Kind   int        `help:"1 company, 2 site, 3 app, 4 official account, 5 shop, 6 trade mark, 7 other." default:"1" placeholder:"N"`
	Remark string     `help:"For whoever approves it." placeholder:"TEXT"`
	Import string     `help:"An id that was issued elsewhere, to be kept." placeholder:"ID"`
}

// Run adds a signature.
func (c signAddCommand) Run(ctx context.Context, w World) error {
	return c.sign(w, func(server *client.Client) (catalogue.SignatureView, error) {
		return server.AddSignature(ctx, c.App, api.NewSignature{ID: c.Import, Text: c.Text, Kind: c.Kind, Remark: c.Remark})
	})
}

type signListCommand struct {
	remote
	App core.AppID `help:"The app." placeholder:"ID" required:""`
}

// Run lists signatures.
func (c signListCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	all, err := server.Signatures(ctx, c.App)
	if err != nil {
		return err
	}
	return c.print(w, api.Signatures{Signatures: all}, func() error {
		rows := table{{"SIGN", "TEXT", "KIND", "STATE", "DEFAULT"}}
		for _, s := range all {
			rows = append(rows, []string{s.ID, s.Text, id(int64(s.Kind)), s.State, yesNo(s.Default)})
		}
		return rows.print(w.Stdout)
	})
}

type signShowCommand struct {
	remote
	signOf
}

// Run shows a signature.
func (c signShowCommand) Run(ctx context.Context, w World) error {
	return c.sign(w, func(server *client.Client) (catalogue.SignatureView, error) {
		return server.Signature(ctx, c.App, c.ID)
	})
}

type signApproveCommand struct {
	remote
	signOf
}

// Run approves a signature.
func (c signApproveCommand) Run(ctx context.Context, w World) error {
	return c.sign(w, func(server *client.Client) (catalogue.SignatureView, error) {
		return server.ApproveSignature(ctx, c.App, c.ID)
	})
}

type signRejectCommand struct {
	remote
	signOf
	Reason string `help:"Why; its app is told." placeholder:"TEXT"`
}

// Run rejects a signature.
func (c signRejectCommand) Run(ctx context.Context, w World) error {
	return c.sign(w, func(server *client.Client) (catalogue.SignatureView, error) {
		return server.RejectSignature(ctx, c.App, c.ID, c.Reason)
	})
}

type signDefaultCommand struct {
	remote
	signOf
}

// Run makes a signature the default.
func (c signDefaultCommand) Run(ctx context.Context, w World) error {
	return c.sign(w, func(server *client.Client) (catalogue.SignatureView, error) {
		return server.DefaultSignature(ctx, c.App, c.ID)
	})
}

type signDeleteCommand struct {
	remote
	signOf
}

// Run removes a signature.
func (c signDeleteCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	s, err := server.DeleteSignature(ctx, c.App, c.ID)
	if err != nil {
		return err
	}
	return c.print(w, s, func() error { return say(w.Stdout, "sign %s of app %d is gone.", s.ID, s.App) })
}

// sign prints what a call says of a signature.
func (r remote) sign(w World, call func(*client.Client) (catalogue.SignatureView, error)) error {
	server, err := r.connect(w)
	if err != nil {
		return err
	}
	s, err := call(server)
	if err != nil {
		return err
	}
	return r.print(w, s, func() error {
		return facts{{"sign", s.ID}, {"app", id(s.App)}, {"text", s.Text}, {"kind", id(int64(s.Kind))}, {"state", withReason(s.State, s.Reason)},
			{"default", yesNo(s.Default)}, {"remark", orDash(s.Remark)}}.print(w.Stdout)
	})
}
