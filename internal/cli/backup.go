package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/backup"
	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/sqlite"
)

type backupCommand struct {
	File string `arg:"" help:"The file to write; there must be none."`
	place
	Move bool `help:"For restore --move: refused while a server runs on the database."`
	JSON bool `help:"Print JSON." name:"json"`
}

// source is a database that is open for reading.
type source interface {
	backup.Source
	Close() error
}

// openSource opens the database for reading, beside a running server or, with
// alone, instead of one.
func openSource(ctx context.Context, c config.Config, alone bool) (source, error) {
	if !c.Store.Database.IsZero() {
		e, err := postgres.Open(ctx, openPostgres(c.Store.Database.Reveal()))
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	r, err := sqlite.OpenReader(ctx, openFolder(c.Store.Data), alone)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Run writes the file. It reads one state of the database and changes nothing:
// a server may be running.
func (c backupCommand) Run(ctx context.Context, w World) error {
	conf, err := c.conf(w)
	if err != nil {
		return err
	}
	db, err := openSource(ctx, conf, c.Move)
	if err != nil {
		return err
	}
	head, foot, err := backup.Write(ctx, backup.WriteOptions{Source: db, Path: c.File, Now: time.Now(), Program: w.Version, Move: c.Move})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(w.Stdout, struct {
			backup.Header
			backup.Footer
		}{head, foot})
	}
	return printBackup(w, c.File, head, foot)
}

func printBackup(w World, file string, head backup.Header, foot backup.Footer) error {
	rows := table{{"TABLE", "ROWS", "SUM"}}
	for _, t := range head.Tables {
		rows = append(rows, []string{t.Name, strconv.FormatInt(t.Rows, 10), foot.Sums[t.Name][:12]})
	}
	if err := rows.print(w.Stdout); err != nil {
		return err
	}
	keyring := head.Installation
	if keyring == "" {
		keyring = "none, it was never served"
	}
	return facts{
		{"file", file},
		{"engine", fmt.Sprintf("%s, schema %04d", head.Engine, head.Schema)},
		{"keyring", keyring},
		{"field keys", fmt.Sprint(foot.FieldKeys)},
	}.print(w.Stdout)
}
