package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// token is the environment of the configuration files here.
var token = map[string]string{"TOKEN": "0123456789abcdef"}

// result is what a command printed and its exit code.
type result struct {
	out, err string
	code     int
}

// run runs one command line with an environment.
func run(t *testing.T, env map[string]string, args ...string) result {
	t.Helper()
	var out, errs strings.Builder
	code := Run(t.Context(), args, World{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
		Getenv: func(name string) string { return env[name] }, Version: "v1.2.3"})
	return result{out.String(), errs.String(), code}
}

func (r result) want(t *testing.T, want result) {
	t.Helper()
	if r != want {
		t.Errorf("exit %d\n--- standard output\n%s--- standard error\n%swant exit %d\n--- standard output\n%s--- standard error\n%s",
			r.code, r.out, r.err, want.code, want.out, want.err)
	}
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestVersion(t *testing.T) {
	run(t, nil, "version").want(t, result{out: "v1.2.3\n"})
}

func TestUsageErrors(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"frobnicate"}, "yanma: unexpected argument frobnicate (see yanma --help)\n"},
		{[]string{"serve"}, "yanma: missing flags: --config=FILE (see yanma --help)\n"},
		{[]string{"version", "--loud"}, "yanma: unknown flag --loud (see yanma --help)\n"},
		{[]string{"dev", "--limits=none"}, "yanma: --limits must be one of \"default\",\"off\" but got \"none\" (see yanma --help)\n"},
	} {
		run(t, nil, c.args...).want(t, result{err: c.want, code: 2})
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"app", "--help"}, {"app", "create", "--help"}} {
		r := run(t, nil, args...)
		if r.code != 0 || r.err != "" || !strings.HasPrefix(r.out, "Usage: yanma ") {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

func TestConfigCheck(t *testing.T) {
	good := file(t, "yanma.toml", "[operator]\ntoken = \"env:TOKEN\"\n")
	run(t, token, "config", "check", "--config", good).want(t, result{out: "ok\n"})
	run(t, nil, "config", "check", "-c", good).want(t, result{code: 1,
		err: "yanma: " + good + ": line 2: operator.token: the environment has no TOKEN\n"})
	bad := file(t, "bad.toml", "[server]\n\nlissten = \"127.0.0.1:1\"\n")
	run(t, nil, "config", "check", "-c", bad).want(t, result{code: 1,
		err: "yanma: " + bad + ": line 3: server.lissten: unknown key\n"})
	run(t, nil, "config", "check", "-c", bad+"x").want(t, result{code: 1,
		err: "yanma: read the configuration: open " + bad + "x: no such file or directory\n"})
}

func TestMigrate(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	conf := file(t, "yanma.toml", "[operator]\ntoken = \"env:TOKEN\"\n[store]\ndata = \""+data+"\"\n")
	run(t, token, "migrate", "-c", conf, "--plan").want(t, result{code: 1, err: "yanma: there is no data folder " + data + "\n"})
	if r := run(t, token, "migrate", "-c", conf); r.code != 0 || !strings.HasPrefix(r.out, "applied 0001_") {
		t.Errorf("a new folder: %+v", r)
	}
	run(t, token, "migrate", "-c", conf, "--plan").want(t, result{out: "the database is up to date\n"})
	run(t, token, "migrate", "-c", conf).want(t, result{out: "the database is up to date\n"})
}

func TestMigratePlanChangesNothing(t *testing.T) {
	data := t.TempDir()
	conf := file(t, "yanma.toml", "[operator]\ntoken = \"env:TOKEN\"\n[store]\ndata = \""+data+"\"\n")
	first := run(t, token, "migrate", "-c", conf, "--plan")
	if first.code != 0 || !strings.HasPrefix(first.out, "would apply 0001_") {
		t.Errorf("%+v", first)
	}
	run(t, token, "migrate", "-c", conf, "--plan").want(t, first)
}
