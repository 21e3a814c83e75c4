package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/sqlite"
)

// unserved is the configuration of a database that no server was started on
// yet: it has no keyring and needs none.
func unserved(t *testing.T) (conf, data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	conf = file(t, "yanma.toml", "[operator]\ntoken = \"env:TOKEN\"\n[store]\ndata = \""+data+"\"\n")
	if r := run(t, token, "migrate", "-c", conf); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	return conf, data
}

func TestBackupAndRestore(t *testing.T) {
	conf, data := unserved(t)
	bak := filepath.Join(t.TempDir(), "yanma.bak")
	r := run(t, token, "backup", bak, "-c", conf)
	if r.code != 0 || !regexp.MustCompile(`\nusers +0     e3b0c44298fc\n`).MatchString(r.out) || !strings.Contains(r.out, "\nkeyring:     none, it was never served\n") {
		t.Errorf("%+v", r)
	}
	run(t, token, "backup", bak, "-c", conf).want(t, result{code: 1,
		err: "yanma: the file " + bak + " exists already and is not replaced: file already exists\n"})
	run(t, token, "restore", bak, "-c", conf).want(t, result{code: 1,
		err: "yanma: the data folder " + data + " is not empty: it has a yanma.db; restore into another folder, or move it away\n"})
	run(t, token, "restore", bak, "--move", "--data", t.TempDir()).want(t, result{code: 1,
		err: "yanma: the backup was written while a server may have been running, and can not be moved; stop it and run yanma backup --move\n"})
	run(t, token, "restore", conf, "--data", t.TempDir()).want(t, result{code: 1, err: "yanma: " + conf + " is not a Yanma backup\n"})
	run(t, token, "restore", bak+"x", "--data", t.TempDir()).want(t, result{code: 1, err: "yanma: open " + bak + "x: no such file or directory\n"})
	moved := filepath.Join(t.TempDir(), "moved")
	r = run(t, token, "restore", bak, "--data", moved)
	if r.code != 0 || !regexp.MustCompile(`^restored: +\d rows of \d+ tables, as of `).MatchString(r.out) ||
		!strings.HasSuffix(r.out, "\nLEDGER     ACCOUNTS  BALANCES  ROWS  DRIFT\navailable  0         0         0     0\nheld       0         0         0     0\n"+
			"revenue    0         0         0     0\nfunding    0         0         0     0\ntotal      0         0         0     0\n") {
		t.Errorf("%+v", r)
	}
	run(t, token, "migrate", "-c", conf, "--plan").want(t, result{out: "the database is up to date\n"})
	for _, args := range [][]string{{"backup", bak + "2", "-c", conf, "--json"}, {"restore", bak, "--data", filepath.Join(t.TempDir(), "again"), "--json"},
		{"fsck", "--data", moved, "--json"}} {
		r := run(t, token, args...)
		var v map[string]any
		if err := json.Unmarshal([]byte(r.out), &v); err != nil || r.code != 0 || r.err != "" {
			t.Errorf("%v: %+v, %v", args, r, err)
		}
	}
}

func TestWhichDatabase(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"fsck"}, "name the database: --config FILE, or --data DIR"},
		{[]string{"fsck", "-c", "x.toml", "--data", "y"}, "--config already names the database: leave --data and --database out"},
		{[]string{"fsck", "--data", missing}, "the data folder " + missing + " has no database"},
		{[]string{"backup", "f", "--data", missing}, "the data folder " + missing + " has no database"},
		{[]string{"backup", "f", "--data", missing, "--database", "mysql://x"}, "the database URL is not a PostgreSQL URL: it must begin with postgres://"},
	} {
		run(t, token, c.args...).want(t, result{code: 1, err: "yanma: " + c.want + "\n"})
	}
}

// TestFsckSaysWhatIsWrong: one line each, and exit code 1.
func TestFsckSaysWhatIsWrong(t *testing.T) {
	conf, data := unserved(t)
	r := run(t, token, "fsck", "-c", conf)
	if r.code != 0 || !strings.HasSuffix(r.out, "\nok: nothing wrong was found; 0 rows with sealed fields were opened\n") {
		t.Errorf("%+v", r)
	}
	e, err := sqlite.Open(t.Context(), openFolder(data))
	if err != nil {
		t.Fatal(err)
	}
	err = e.Update(t.Context(), func(q store.SQL) error {
		for _, sql := range []string{`INSERT INTO alias (app, user_id, text) VALUES (7, 8, 'x')`, `INSERT INTO setting (name, value) VALUES ('installation', 'somebody')`} {
			if _, err := q.Exec(t.Context(), sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	_, found, _ := strings.Cut(run(t, token, "fsck", "-c", conf).out, "\ntotal")
	_, found, _ = strings.Cut(found, "\n")
	want := "alias: user_id 8 of 1 rows does not exist in users\nalias: app 7 of 1 rows does not exist in app\n" +
		"keyring: " + filepath.Join(data, "keyring.json") + ": the keyring is missing; restore it from its own backup, because without it the database cannot be read; what is sealed was not looked at\n" +
		"3 findings\n"
	if found != want {
		t.Errorf("found\n%swant\n%s", found, want)
	}
	if r := run(t, token, "fsck", "-c", conf); r.code != 1 || r.err != "" {
		t.Errorf("%+v", r)
	}
	if err := os.WriteFile(filepath.Join(data, "keyring.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run(t, token, "fsck", "-c", conf); r.code != 1 || !strings.Contains(r.out, "\nkeyring: "+filepath.Join(data, "keyring.json")+": the keyring is truncated or damaged") {
		t.Errorf("%+v", r)
	}
}
