package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"yanma.dev/yanma/internal/store"
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

func tables(t *testing.T, e *Engine) (names []string) {
	t.Helper()
	ctx := context.Background()
	err := e.View(ctx, func(sql store.SQL) error {
		return sql.Query(ctx, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", func(row store.Scanner) error {
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

const (
	firstSQL  = "-- first\nCREATE TABLE a (id INTEGER PRIMARY KEY);\nINSERT INTO a VALUES (1); -- one; more\n"
	secondSQL = "CREATE TABLE b (id INTEGER PRIMARY KEY);\n"
)

func TestMigrations(t *testing.T) {
	ctx := context.Background()
	o := testOptions(t.TempDir())
	at := func(source migrationSource) *Engine {
		t.Helper()
		e, err := open(ctx, o, source)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	migrate := func(e *Engine) {
		t.Helper()
		if err := e.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
	}
	closed := func(e *Engine) {
		t.Helper()
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	e := at(migrationsOf("0001_first.sql", firstSQL))
	if diff := cmp.Diff([]string{"0001_first"}, plan(t, e)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if got := tables(t, e); got != nil {
		t.Errorf("a plan made %v", got)
	}
	migrate(e)
	migrate(e) // nothing to do
	closed(e)

	// A program that knows more, in between and behind; the last one fails.
	e = at(migrationsOf("0001_first.sql", firstSQL, "0010_bad.sql", "CREATE TABLE c (id INTEGER);\nINSERT INTO nowhere VALUES (1);\n", "0002_second.sql", secondSQL))
	if diff := cmp.Diff([]string{"0002_second", "0010_bad"}, plan(t, e)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if err := e.Migrate(ctx); err == nil || !strings.Contains(err.Error(), "0010_bad") {
		t.Errorf("migrate: %v", err)
	}
	if diff := cmp.Diff([]string{"a", "b", "schema_migration"}, tables(t, e)); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"0010_bad"}, plan(t, e)); diff != "" {
		t.Errorf("plan after a failure (-want +got):\n%s", diff)
	}
	closed(e)

	// An older program.
	if _, err := open(ctx, o, migrationsOf("0001_first.sql", firstSQL)); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "0002") {
		t.Errorf("a newer database was opened: %v", err)
	}
	// A file that was changed after it was applied.
	if _, err := open(ctx, o, migrationsOf("0001_first.sql", firstSQL+" ", "0002_second.sql", secondSQL)); err == nil || !strings.Contains(err.Error(), "0001_first") {
		t.Errorf("a changed migration was taken: %v", err)
	}
	closed(at(migrationsOf("0001_first.sql", firstSQL, "0002_second.sql", secondSQL))) // and all is well
}

func TestNewerDatabaseIsLeftAlone(t *testing.T) {
	ctx := context.Background()
	o := testOptions(t.TempDir())
	e := openMigrated(t, o)
	if err := e.Update(ctx, func(sql store.SQL) error {
		_, err := sql.Exec(ctx, "INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)", int64(9000), "future", []byte{1}, int64(1))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, o.Folder, ErrNewer)
}

func TestMigrationFiles(t *testing.T) {
	for name, source := range map[string]migrationSource{
		"a name without a number": migrationsOf("first.sql", firstSQL),
		"a number twice":          migrationsOf("0001_a.sql", firstSQL, "0001_b.sql", secondSQL),
		"an upper-case name":      migrationsOf("0001_First.sql", firstSQL),
		"another kind of file":    migrationsOf("0001_first.txt", firstSQL),
	} {
		if all, err := source(); err == nil {
			t.Errorf("%s was taken: %v", name, all)
		}
	}
	all, err := embedded()
	if err != nil || len(all) == 0 || all[0].String() != "0001_base" {
		t.Fatalf("embedded: %v, %v", all, err)
	}
	for i, m := range all {
		if m.Number < 1 || i > 0 && m.Number <= all[i-1].Number {
			t.Error(fmt.Sprint("out of order: ", all))
		}
	}
}
