package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Tables that are cut by ranges of their ids: migration 0006, docs/adr/0010.
//
//	…_first | …_20261130t000000 | …_20261207t000000 |      rows by the time of their id
//	  old: dropped whole           now                ahead
//	…_rest: rows that no other partition takes; usually none

// Bounds of the work on partitions.
const (
	aheadAtLeast   = 24 * time.Hour // so far ahead of now there are partitions
	gapMargin      = time.Minute    // rows of so long go to …_rest after a gap
	partitionLock  = 100 * time.Millisecond
	partitionTries = 3
	restRows       = 256 // deleted from …_rest in one transaction
	restTurns      = 40
)

// partition is a range of ids, from from to below to.
type partition struct {
	name     string
	from, to int64
}

// Partition makes the partitions that rows of the next day and more need, and
// drops those in which every row is older than it is kept, and none waits. It
// waits for locks for a tenth of a second at a time, and is called again and
// again; an error leaves nothing half done.
func (e *Engine) Partition(ctx context.Context, tables []store.Kept) error {
	var failed []error
	for _, t := range tables {
		now := e.options.Now()
		failed = append(failed, e.extend(ctx, t, now))
		if t.For > 0 {
			before := core.IDAt(now.Add(-t.For))
			failed = append(failed, e.dropOld(ctx, t, before), e.pruneRest(ctx, t, before))
		}
	}
	return errors.Join(failed...)
}

// extend makes partitions until there are enough ahead.
func (e *Engine) extend(ctx context.Context, t store.Kept, now time.Time) error {
	width := partitionWidth(t.For)
	until := core.IDAt(now.Add(max(width, aheadAtLeast)))
	for more := true; more; {
		err := e.partitioning(ctx, func(q *queries) error {
			all, err := partitionsOf(ctx, q, t.Table)
			if err != nil {
				return err
			}
			p := nextPartition(t.Table, all, width, now)
			if more = p.from < until; !more {
				return nil
			}
			options, err := storageOptions(ctx, q, t.Table+"_rest")
			if err != nil {
				return err
			}
			return e.exec(ctx, q.conn, fmt.Sprintf("CREATE TABLE %[1]s (LIKE %[2]s INCLUDING ALL) WITH (%[5]s); "+
				"ALTER TABLE %[2]s ATTACH PARTITION %[1]s FOR VALUES FROM (%[3]d) TO (%[4]d)", p.name, t.Table, p.from, p.to, options))
		})
		if err != nil {
			return fmt.Errorf("postgres: make a partition of %s: %w", t.Table, err)
		}
	}
	return nil
}

// partitionWidth is how much time a partition spans: a third of what its rows
// are kept at most, so that they go not much later, but so much that there are
// only a handful, because every look-up of a live code asks each of them.
func partitionWidth(kept time.Duration) time.Duration {
	width := 6 * time.Hour
	for _, wider := range []time.Duration{24 * time.Hour, 168 * time.Hour, 720 * time.Hour, 2160 * time.Hour, 8640 * time.Hour} {
		if kept == 0 || wider*3 <= kept {
			width = wider
		}
	}
	return width
}

// nextPartition follows the last one and ends on a multiple of its width. After
// a gap, in which no server made any, it begins a little later than now: rows of
// the present are in …_rest by then and would not fit.
func nextPartition(table string, all []partition, width time.Duration, now time.Time) partition {
	var from int64
	for _, p := range all {
		from = max(from, p.to)
	}
	if from < core.IDAt(now) {
		from = core.IDAt(now.Add(gapMargin))
	}
	begin := core.IDTime(from).UTC()
	end := begin.Add(width / 2).Truncate(width).Add(width)
	return partition{name: table + "_" + begin.Format("20060102t150405"), from: from, to: core.IDAt(end)}
}

// dropOld drops the partitions whose ids are all below before.
func (e *Engine) dropOld(ctx context.Context, t store.Kept, before int64) error {
	for dropped := true; dropped; {
		err := e.partitioning(ctx, func(q *queries) error {
			dropped = false
			all, err := partitionsOf(ctx, q, t.Table)
			if err != nil {
				return err
			}
			for _, p := range all {
				if p.to > before {
					continue
				}
				waits, err := anyWaits(ctx, q, t, p.name)
				if err != nil {
					return err
				}
				if waits {
					e.options.Log.Warn("postgres: an old partition stays: something in it is not over", "partition", p.name)
					continue
				}
				dropped = true
				return e.exec(ctx, q.conn, "DROP TABLE "+p.name)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("postgres: drop a partition of %s: %w", t.Table, err)
		}
	}
	return nil
}

// anyWaits tells whether a partition has a row that must not go. An ended row
// never comes to life again: the partition need not be locked for it.
func anyWaits(ctx context.Context, q *queries, t store.Kept, name string) (found bool, err error) {
	for _, waits := range t.Waits {
		if err == nil && !found {
			err = q.Query(ctx, "SELECT 1 FROM "+name+" WHERE "+waits+" LIMIT 1", func(store.Scanner) error { found = true; return nil })
		}
	}
	return found, err
}

// pruneRest deletes old rows that no partition took, a few at a time.
func (e *Engine) pruneRest(ctx context.Context, t store.Kept, before int64) error {
	sql := fmt.Sprintf("DELETE FROM %[1]s_rest WHERE id IN (SELECT id FROM %[1]s_rest WHERE id < $1 AND %[2]s ORDER BY id LIMIT %[3]d)", t.Table, t.Over, restRows)
	for range restTurns {
		var gone int64
		err := e.Update(ctx, func(q store.SQL) (err error) {
			gone, err = q.Exec(ctx, sql, before)
			return err
		})
		if err != nil || gone < restRows {
			return err
		}
	}
	return nil
}

// partitioning runs f while no other node changes the schema. Whoever waits for
// one of f's locks holds up those who come after: so it does not wait for long,
// and tries again a little later.
func (e *Engine) partitioning(ctx context.Context, f func(*queries) error) error {
	var err error
	for range partitionTries {
		err = e.inTransaction(ctx, lockMigrations, func(q *queries) error {
			if err := e.exec(ctx, q.conn, lockLimit(partitionLock)); err != nil {
				return err
			}
			return f(q)
		})
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || !slices.Contains([]string{lockNotAvailable, deadlock}, refused.Code) {
			return err
		}
		timer := time.NewTimer(partitionLock)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
	return err
}

// storageOptions are what …_rest has as an example for the others: a table that
// is cut has none itself.
func storageOptions(ctx context.Context, q store.SQL, table string) (options string, err error) {
	err = q.Query(ctx, `SELECT array_to_string(c.reloptions, ', ') FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
		WHERE s.nspname = current_schema() AND c.relname = $1`, func(r store.Scanner) error { return r.Scan(&options) }, table)
	return options, err
}

var partitionBound = regexp.MustCompile(`^FOR VALUES FROM \((?:MINVALUE|'(\d+)')\) TO \('(\d+)'\)$`)

// partitionsOf lists the partitions of a table, without …_rest, in the order of
// their ids.
func partitionsOf(ctx context.Context, q store.SQL, table string) (all []partition, err error) {
	err = q.Query(ctx, `SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		JOIN pg_class t ON t.oid = i.inhparent JOIN pg_namespace s ON s.oid = t.relnamespace
		WHERE s.nspname = current_schema() AND t.relname = $1`, func(r store.Scanner) error {
		var name, bound string
		if err := r.Scan(&name, &bound); err != nil {
			return err
		}
		if bound == "DEFAULT" {
			return nil
		}
		parts := partitionBound.FindStringSubmatch(bound)
		if parts == nil {
			return fmt.Errorf("postgres: partition %s has bounds of another kind: %s", name, bound)
		}
		p := partition{name: name}
		if parts[1] != "" {
			if p.from, err = strconv.ParseInt(parts[1], 10, 64); err != nil {
				return err
			}
		}
		p.to, err = strconv.ParseInt(parts[2], 10, 64)
		all = append(all, p)
		return err
	}, table)
	slices.SortFunc(all, func(a, b partition) int { return int(min(max(a.to-b.to, -1), 1)) })
	return all, err
}
