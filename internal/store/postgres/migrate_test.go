package postgres

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/sqlite"
)

// migrationsOf makes a source of name and text pairs.
func migrationsOf(files ...string) migrationSource {
	from := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		from["migrations/"+files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return func() ([]Migration, error) { return loadMigrations(from) }
}

func plan(t *testing.T, e *Engine) []string {
	t.Helper()
	todo, err := e.PlanMigrations(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, m := range todo {
		names = append(names, m.String())
	}
	return names
}

// tables lists a database's tables.
func tables(t *testing.T, e store.Engine, sql string) (names []string) {
	t.Helper()
	ctx := context.Background()
	err := e.View(ctx, func(q store.SQL) error {
		return q.Query(ctx, sql, func(row store.Scanner) error {
			var name string
			err := row.Scan(&name)
			names = append(names, name)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

const tableNames = `SELECT c.relname FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
	WHERE s.nspname = 'public' AND c.relkind = 'r' ORDER BY c.relname`

const (
	firstSQL  = "-- first\nCREATE TABLE a (id BIGINT PRIMARY KEY);\nINSERT INTO a VALUES (1); -- one; more\n"
	secondSQL = "CREATE TABLE b (id BIGINT PRIMARY KEY);\n"
)

func TestMigrations(t *testing.T) {
	ctx := context.Background()
	o := empty(t)
	at := func(source migrationSource) *Engine {
		t.Helper()
		e, err := open(ctx, o, source)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		return e
	}
	e := at(migrationsOf("0001_first.sql", firstSQL))
	if diff := cmp.Diff([]string{"0001_first"}, plan(t, e)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if got := tables(t, e, tableNames); got != nil {
		t.Errorf("a plan made %v", got)
	}
	for range 2 { // the second time there is nothing to do
		if err := e.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
	}
	// A program that knows more, in between and behind; the last one fails.
	e = at(migrationsOf("0001_first.sql", firstSQL, "0010_bad.sql", "CREATE TABLE c (id BIGINT);\nINSERT INTO nowhere VALUES (1);\n", "0002_second.sql", secondSQL))
	if diff := cmp.Diff([]string{"0002_second", "0010_bad"}, plan(t, e)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if err := e.Migrate(ctx); err == nil || !strings.Contains(err.Error(), "0010_bad") {
		t.Errorf("migrate: %v", err)
	}
	if diff := cmp.Diff([]string{"a", "b", "schema_migration", "yanma_lock"}, tables(t, e, tableNames)); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"0010_bad"}, plan(t, e)); diff != "" {
		t.Errorf("plan after a failure (-want +got):\n%s", diff)
	}
	// An older program.
	if _, err := open(ctx, o, migrationsOf("0001_first.sql", firstSQL)); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "0002") {
		t.Errorf("a newer database was opened: %v", err)
	}
	// A file that was changed after it was applied.
	if _, err := open(ctx, o, migrationsOf("0001_first.sql", firstSQL+" ", "0002_second.sql", secondSQL)); err == nil || !strings.Contains(err.Error(), "0001_first") {
		t.Errorf("a changed migration was taken: %v", err)
	}
	at(migrationsOf("0001_first.sql", firstSQL, "0002_second.sql", secondSQL)) // and all is well
}

// Nodes that start at the same time apply every migration once.
func TestMigrationsOnNodesAtOnce(t *testing.T) {
	o := empty(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			e, err := Open(context.Background(), o)
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(e.Migrate(context.Background()), e.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	e := openMigrated(t, o)
	all, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	if got := rows(t, e, "SELECT count(*) FROM schema_migration", 1)[0][0]; got != int64(len(all)) {
		t.Errorf("%d migrations are noted, want %d", got, len(all))
	}
}

// Both engines have the same steps, and after them the same tables and columns.
func TestReq42_SameSchemaAsSQLite(t *testing.T) {
	list := func(folder string) (names []string) {
		files, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			names = append(names, f.Name())
		}
		return names
	}
	if diff := cmp.Diff(list("../sqlite/migrations"), list("migrations")); diff != "" {
		t.Errorf("migrations (-sqlite +postgres):\n%s", diff)
	}
	other, err := sqlite.Open(context.Background(), sqlite.Options{Folder: t.TempDir(), Now: time.Now, Log: testOptions("").Log})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	theirs := tables(t, other, `SELECT m.name || '.' || c.name || CASE WHEN c."notnull" OR c.pk THEN '' ELSE ' may be NULL' END
		FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY 1`)
	ours := tables(t, openMigrated(t, empty(t)), `SELECT (table_name || '.' || column_name || CASE is_nullable WHEN 'NO' THEN '' ELSE ' may be NULL' END) COLLATE "C"
		FROM information_schema.columns JOIN pg_class ON oid = table_name::regclass
		WHERE table_schema = 'public' AND NOT relispartition AND table_name NOT IN ('key_lock', 'yanma_lock') ORDER BY 1`)
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("columns (-sqlite +postgres):\n%s", diff)
	}
}
