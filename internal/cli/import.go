package cli

import (
	"context"
	"io"
	"os"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/tenant"
)

// importCommands are yanma import ….
type importCommands struct {
	Yunbox  importYunboxCommand  `cmd:"" help:"Take over keys, users and devices with their old ids (docs/import.md)."`
	Submail importSubmailCommand `cmd:"" help:"Take over appids with their appkeys (docs/import.md)."`
	JSMS    importJSMSCommand    `cmd:"" name:"jsms" help:"Take over keys, templates and signatures with their old ids (docs/import.md)."`

	OneAccess importOneAccessCommand `cmd:"" name:"oneaccess" help:"Take over a client, its keys and users with their old ids (docs/import.md)."`
}

type importYunboxCommand struct {
	remote
	File   string     `arg:"" help:"Lines of JSON; - is standard input."`
	App    core.AppID `help:"The app that takes them over." placeholder:"ID" required:""`
	DryRun bool       `help:"Check the file and change nothing."`
}

// Run imports, and prints a report in any case. Records that were not taken
// are exit code 1.
func (c importYunboxCommand) Run(ctx context.Context, w World) error {
	return c.run(w, func(server *client.Client, file io.Reader) (tenant.ImportReport, error) {
		return server.ImportYunbox(ctx, c.App, file, c.DryRun)
	})
}

type importSubmailCommand struct{ importYunboxCommand }

// Run imports, and prints a report in any case.
func (c importSubmailCommand) Run(ctx context.Context, w World) error {
	return c.run(w, func(server *client.Client, file io.Reader) (tenant.ImportReport, error) {
		return server.ImportSubmail(ctx, c.App, file, c.DryRun)
	})
}

func (c importYunboxCommand) run(w World, take func(*client.Client, io.Reader) (tenant.ImportReport, error)) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	file := w.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // read only: nothing can be lost
		file = f
	}
	report, failed := take(server, io.NopCloser(file))
	if failed != nil && report.Failed == 0 {
		return failed
	}
	if err := c.print(w, report, func() error { return printReport(w, report) }); err != nil {
		return err
	}
	if failed == nil && report.Failed > 0 {
		return errSaid
	}
	return failed
}

func printReport(w World, r tenant.ImportReport) error {
	what := "nothing was changed"
	switch {
	case r.DryRun:
		what = "dry run, nothing was changed"
	case r.Applied:
		what = "applied"
	}
	about := facts{{"import", what}, {"keys", strconv.Itoa(r.Keys)}, {"users", strconv.Itoa(r.Users)},
		{"devices", strconv.Itoa(r.Devices)}, {"failed", strconv.Itoa(r.Failed)}}
	if r.Templates+r.Signatures > 0 {
		about = append(about, [2]string{"templates", strconv.Itoa(r.Templates)}, [2]string{"signatures", strconv.Itoa(r.Signatures)})
	}
	if err := about.print(w.Stdout); err != nil || len(r.Errors) == 0 {
		return err
	}
	rows := table{{"LINE", "PROBLEM"}}
	for _, p := range r.Errors {
		rows = append(rows, []string{strconv.Itoa(p.Line), p.Message})
	}
	return rows.print(w.Stdout)
}
