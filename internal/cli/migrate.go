package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/sqlite"
)

type migrateCommand struct {
	configFile
	Plan bool `help:"Print what would be applied, and change nothing."`
}

// migrator is what both engines can do to their schema.
type migrator interface {
	Migrate(ctx context.Context) error
	Close() error
}

// Run applies what the database lacks. With SQLite the server must be stopped:
// the data folder belongs to one process at a time.
func (c migrateCommand) Run(ctx context.Context, w World) error {
	conf, err := c.load(w)
	if err != nil {
		return err
	}
	if !conf.Store.Database.IsZero() {
		db, err := postgres.Open(ctx, postgres.Options{URL: conf.Store.Database.Reveal(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		todo, err := db.PlanMigrations(ctx)
		if err == nil {
			err = migrate(ctx, c.Plan, w, db, todo)
		}
		return errors.Join(err, db.Close())
	}
	if _, err := os.Stat(conf.Store.Data); c.Plan && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no data folder %s", conf.Store.Data)
	}
	db, err := sqlite.Open(ctx, sqlite.Options{Folder: conf.Store.Data, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	todo, err := db.PlanMigrations(ctx)
	if err == nil {
		err = migrate(ctx, c.Plan, w, db, todo)
	}
	return errors.Join(err, db.Close())
}

// migrate applies what is to do, or only plans it, and names it.
func migrate[M fmt.Stringer](ctx context.Context, plan bool, w World, db migrator, todo []M) error {
	if !plan {
		if err := db.Migrate(ctx); err != nil {
			return err
		}
	}
	if len(todo) == 0 {
		_, err := fmt.Fprintln(w.Stdout, "the database is up to date")
		return err
	}
	verb := "applied"
	if plan {
		verb = "would apply"
	}
	for _, m := range todo {
		if _, err := fmt.Fprintln(w.Stdout, verb, m); err != nil {
			return err
		}
	}
	return nil
}
