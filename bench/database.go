package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/store/postgres/postgrestest"
)

// databaseSettings are those that docs/postgres.md asks for, where the server's
// defaults are others. Commits are on disk when they are answered.
var databaseSettings = []string{"shared_buffers=1GB", "max_wal_size=4GB", "wal_compression=lz4", "synchronous_commit=on",
	"autovacuum_naptime=1min"}

// standbyName is what the standby calls itself.
const standbyName = "bench_standby"

// database is a throw-away PostgreSQL server, and its standby when there is one.
type database struct {
	*postgrestest.Cluster
	standby *postgrestest.Cluster
}

func databaseOptions() postgrestest.Options {
	return postgrestest.Options{Fsync: true, Settings: databaseSettings, Under: "/var/tmp"} // not the memory that /tmp may be
}

func startDatabase(ctx context.Context) (*database, error) {
	c, err := postgrestest.Start(ctx, databaseOptions())
	if err != nil {
		return nil, err
	}
	return &database{Cluster: c}, nil
}

func (d *database) stop() error {
	return errors.Join(d.dropStandby(context.Background()), d.Stop())
}

// create makes a database and gives the lines of a server's configuration.
func (d *database) create(ctx context.Context, name string) (string, error) {
	return fmt.Sprintf("database = %q", d.URL(name)), d.Create(ctx, name, "")
}

// addStandby copies the server, and returns when commits wait for the copy.
func (d *database) addStandby(ctx context.Context) (err error) {
	if d.standby, err = d.Replica(ctx, standbyName, databaseOptions()); err != nil {
		return err
	}
	if err := d.reload(ctx, "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ("+standbyName+")'"); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		// The division fails until there is one.
		err := d.Exec(ctx, "postgres", "SELECT 1 / count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no synchronous standby after a minute: %w", err)
		}
	}
}

// dropStandby ends the copy, after nothing waits for it any more.
func (d *database) dropStandby(ctx context.Context) error {
	if d.standby == nil {
		return nil
	}
	err := errors.Join(d.reload(ctx, "ALTER SYSTEM RESET synchronous_standby_names"), d.standby.Stop())
	d.standby = nil
	return err
}

func (d *database) reload(ctx context.Context, sql string) error {
	if err := d.Exec(ctx, "postgres", sql); err != nil {
		return err
	}
	return d.Exec(ctx, "postgres", "SELECT pg_reload_conf()")
}

// cpu is the processor time that the server used so far, all its processes
// together, and the standby's where there is one.
func (d *database) cpu() (sum time.Duration, err error) {
	for _, c := range []*postgrestest.Cluster{d.Cluster, d.standby} {
		if c == nil {
			continue
		}
		processes, err := c.Processes()
		if err != nil {
			return 0, err
		}
		for i, pid := range processes {
			own, ended, err := processorTime(pid)
			if err != nil {
				continue // it has ended since: its parent counts it from now on
			}
			sum += own
			if i == len(processes)-1 {
				sum += ended // of the parent, which comes last
			}
		}
	}
	return sum, nil
}
