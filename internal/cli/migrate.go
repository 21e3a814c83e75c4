package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"yanma.dev/yanma/internal/store/sqlite"
)

type migrateCommand struct {
	configFile
	Plan bool `help:"Print what would be applied, and change nothing."`
}

// Run applies what the database lacks. The server must be stopped: the data
// folder belongs to one process at a time.
func (c migrateCommand) Run(ctx context.Context, w World) error {
	conf, err := c.load(w)
	if err != nil {
		return err
	}
	if _, err := os.Stat(conf.Store.Data); c.Plan && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no data folder %s", conf.Store.Data)
	}
	db, err := sqlite.Open(ctx, sqlite.Options{Folder: conf.Store.Data, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return errors.Join(c.migrate(ctx, w, db), db.Close())
}

func (c migrateCommand) migrate(ctx context.Context, w World, db *sqlite.Engine) error {
	todo, err := db.PlanMigrations(ctx)
	if err != nil {
		return err
	}
	if !c.Plan {
		if err := db.Migrate(ctx); err != nil {
			return err
		}
	}
	if len(todo) == 0 {
		_, err = fmt.Fprintln(w.Stdout, "the database is up to date")
		return err
	}
	verb := "applied"
	if c.Plan {
		verb = "would apply"
	}
	for _, m := range todo {
		if _, err := fmt.Fprintln(w.Stdout, verb, m); err != nil {
			return err
		}
	}
	return nil
}
