package postgres

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres/postgrestest"
)

// refused opens a database that must be refused, in one sentence that tells the
// reason and no secret.
func refused(t *testing.T, o Options, reason error, says string) {
	t.Helper()
	e, err := Open(context.Background(), o)
	if err == nil {
		t.Fatal("it was opened", e.Close())
	}
	if !errors.Is(err, reason) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "geheim") {
		t.Errorf("the error is %q, want one sentence with %q", err, says)
	}
}

// tableCount is how many tables a database has.
func tableCount(t *testing.T, o Options) int64 {
	t.Helper()
	c, err := parse(o.URL)
	if err != nil {
		t.Fatal(err)
	}
	o.setDefaults()
	e := &Engine{options: o}
	e.dialer = &dialer{config: c, options: &e.options}
	e.readers = newPool(e.dialer, 1, time.Second, nil, nil)
	defer e.readers.close()
	return rows(t, e, "SELECT count(*) FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = 'public'", 1)[0][0]
}

func TestRefusedURL(t *testing.T) {
	for _, url := range []string{"", "yanma.db", "mysql://u:geheim@h/d", "postgres://u:geheim@h:port/d", "postgres://u:gehe%zzim@h/d",
		"host=localhost password=geheim", "postgres://u:geheim@h/d?sslmode=perhaps"} {
		refused(t, testOptions(url), ErrURL, "the database URL is not a PostgreSQL URL")
	}
}

func TestRefusedNowhere(t *testing.T) {
	server.Database(t, "") // for its skip
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, testOptions("postgres://u:geheim@"+address+"/yanma?sslmode=disable"), ErrUnreachable, "the database yanma at 127.0.0.1:")
	refused(t, testOptions(server.URL("nobody_made_it")), ErrRefused, `database "nobody_made_it" does not exist`)
	refused(t, testOptions("postgres://nobody:geheim@"+server.Address()+"/postgres?sslmode=disable"), ErrRefused, `role "nobody" does not exist`)
}

// A port where somebody listens who never answers.
func TestRefusedSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := testOptions("postgres://u:geheim@" + l.Addr().String() + "/yanma?sslmode=disable")
	o.ConnectTimeout = 100 * time.Millisecond
	began := time.Now()
	refused(t, o, ErrUnreachable, "no answer within 100ms")
	if took := time.Since(began); took > longest {
		t.Errorf("it took %s", took)
	}
}

func TestRefusedStandby(t *testing.T) {
	server.Database(t, "") // for its skip
	standby, err := postgrestest.Start(context.Background(), postgrestest.Options{Standby: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := standby.Stop(); err != nil {
			t.Error(err)
		}
	}()
	refused(t, testOptions(standby.URL("postgres")), ErrReadOnly, "is a standby")
}

func TestRefusedDatabases(t *testing.T) {
	for _, c := range []struct {
		name, options string
		prepare       []string
		reason        error
		says          string
	}{
		{"read-only", "", []string{"ALTER DATABASE %s SET default_transaction_read_only = on"}, ErrReadOnly, "default_transaction_read_only is on"},
		{"another encoding", "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0", nil, ErrEncoding, "in LATIN1"},
		{"another product", "", []string{"CREATE TABLE invoices (id INT)"}, ErrForeign, `it has a table "invoices"`},
		{"no schema", "", []string{"ALTER DATABASE %s SET search_path = 'nowhere'"}, ErrForeign, "search_path"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := server.Database(t, c.options)
			for _, sql := range c.prepare {
				if err := server.Exec(context.Background(), name, strings.ReplaceAll(sql, "%s", name)); err != nil {
					t.Fatal(err)
				}
			}
			o := testOptions(server.URL(name))
			before := tableCount(t, o)
			refused(t, o, c.reason, c.says)
			if after := tableCount(t, o); after != before {
				t.Errorf("it has %d tables, had %d", after, before)
			}
		})
	}
}

// A table that came between Open and Migrate is somebody else's all the same.
func TestRefusedByMigrate(t *testing.T) {
	o := empty(t)
	e, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Update(context.Background(), func(store.SQL) error { return nil }); !errors.Is(err, store.ErrNotCommitted) {
		t.Errorf("an update without a schema: %v", err)
	}
	if _, err := e.Begin(context.Background()); err == nil {
		t.Error("a batch began without a schema")
	}
	if err := server.Exec(context.Background(), e.dialer.config.Database, "CREATE TABLE invoices (id INT)"); err != nil {
		t.Fatal(err)
	}
	if err := e.Migrate(context.Background()); !errors.Is(err, ErrForeign) {
		t.Errorf("migrate: %v", err)
	}
}
