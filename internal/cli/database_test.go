//go:build unix

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/store/postgres/postgrestest"
)

// cluster is the PostgreSQL server of this package's tests. The role locked has a
// password.
var cluster *postgrestest.Server

func TestMain(m *testing.M) {
	hba := "host all locked 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
	os.Exit(postgrestest.Main(m, postgrestest.Options{HBA: hba}, func(s *postgrestest.Server) { cluster = s }))
}

// busy is an address that nobody can listen on: who tries says so.
func busy(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sqlIn(t *testing.T, database string, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		must(t, cluster.Exec(context.Background(), database, sql))
	}
}

// refusal is what a command says about a database that it can not work with:
// one sentence without the password, and nothing was begun or written.
func refusal(t *testing.T, url string, command ...string) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	listen := busy(t)
	conf := file(t, "yanma.toml", fmt.Sprintf("[server]\nlisten = %q\n[operator]\nlisten = %q\ntoken = \"env:TOKEN\"\n[store]\ndata = %q\ndatabase = \"env:DATABASE\"\n[log]\nfile = %q\n",
		listen, listen, data, filepath.Join(t.TempDir(), "log")))
	env := map[string]string{"TOKEN": token["TOKEN"], "DATABASE": url}
	r := run(t, env, append(command, "--config", conf)...)
	if r.code != exitFailed || r.out != "" || strings.Count(r.err, "\n") != 1 || strings.Contains(r.err, "geheim") {
		t.Errorf("%v: exit %d\n%s%s", command, r.code, r.out, r.err)
	}
	if _, err := os.Stat(data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v: the data folder was made", command)
	}
	return r.err
}

// Issue 3, bad input: every database that can not be worked with is refused in
// one sentence, by serve and by migrate.
func TestServeRefusesDatabases(t *testing.T) {
	name := cluster.Database(t, "")
	standby, err := postgrestest.Start(t.Context(), postgrestest.Options{Standby: true})
	must(t, err)
	t.Cleanup(func() { must(t, standby.Stop()) })
	sqlIn(t, "postgres", "CREATE ROLE locked LOGIN PASSWORD 'richtig'", "CREATE ROLE guest LOGIN")
	t.Cleanup(func() { sqlIn(t, "postgres", "DROP ROLE locked", "DROP ROLE guest") })
	foreign, newer, ascii := cluster.Database(t, ""), cluster.Database(t, ""), cluster.Database(t, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	latin, closed, guests := cluster.Database(t, "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"), cluster.Database(t, ""), cluster.Database(t, "")
	sqlIn(t, foreign, "CREATE TABLE invoices (id INT)")
	for _, database := range []string{newer, closed} {
		data := t.TempDir()
		conf := file(t, "yanma.toml", fmt.Sprintf("[operator]\ntoken = \"env:TOKEN\"\n[store]\ndata = %q\ndatabase = %q\n", data, cluster.URL(database)))
		if r := run(t, token, "migrate", "-c", conf); r.code != exitOK {
			t.Fatalf("%+v", r)
		}
	}
	sqlIn(t, newer, "INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES (9999, 'later', '', 0)")
	at := cluster.Address()
	as := func(user, database string) string {
		return "postgres://" + user + ":geheim@" + at + "/" + database + "?sslmode=disable"
	}
	for _, c := range []struct{ name, url, want string }{
		{"no URL", "postgres://yanma:geheim@" + at + ":x/yanma", "the database URL is not a PostgreSQL URL: it must read postgres://user:password@host:port/name"},
		{"refused port", "postgres://yanma:geheim@" + closedPort(t) + "/yanma?sslmode=disable", "the database yanma at 127.0.0.1:"},
		{"unknown host", "postgres://yanma:geheim@nowhere.invalid/yanma?sslmode=disable", "the database yanma at nowhere.invalid:5432 cannot be reached: "},
		{"missing database", as("postgres", "nobody_made_it"), `refuses the connection: database "nobody_made_it" does not exist`},
		{"unknown role", as("nobody", name), `refuses the connection: role "nobody" does not exist`},
		{"wrong password", as("locked", name), `refuses the connection: password authentication failed for user "locked"`},
		{"standby", standby.URL("postgres"), "is a standby and read-only: connect to its primary"},
		{"another product's", as("postgres", foreign), `is not a Yanma database: it has a table "invoices"`},
		{"newer schema", as("postgres", newer), "was written by a newer version of Yanma: it has migration 9999"},
		{"SQL_ASCII", as("postgres", ascii), "is not in UTF8 but in SQL_ASCII: create it anew with ENCODING 'UTF8'"},
		{"LATIN1", as("postgres", latin), "is not in UTF8 but in LATIN1: "},
		{"no right to make tables", as("guest", guests), `the role "guest" lacks rights in the database ` + guests},
		{"no right to the tables", as("guest", closed), `the role "guest" lacks rights in the database ` + closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, command := range []string{"serve", "migrate"} {
				if got := refusal(t, c.url, command); !strings.Contains(got, c.want) {
					t.Errorf("%s: %swant %s", command, got, c.want)
				}
			}
		})
	}
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}
