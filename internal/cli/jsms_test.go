package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestJSMSCommands runs them against a dev server: keys, and a file with old ids.
func TestJSMSCommands(t *testing.T) {
	l := startDev(t)
	defer l.end(t)
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("jsms", `{"type":"app","key":"7d431e42dfa6a6d693ac2d04","secret":"5e987ac6d2e04d95a9d8f0d1"}
{"type":"sign","id":37582,"text":"极光推送","kind":1,"status":1}

{"type":"template","id":1250,"text":"您的订单{{number}}已发货","kind":2,"status":1}
{"type":"template","id":1251,"text":"您的验证码是{{code}}","kind":1,"ttl":300,"status":2}
`)
	bad := write("bad", `{"type":"app","key":"short","secret":"5e987ac6d2e04d95a9d8f0d1"}
{"type":"template","id":1250,"text":"【我】","kind":2}
{"type":"template","id":1250,"text":"{{code","kind":1,"ttl":1}
{"type":"cat"}
nothing
`)
	for _, c := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"import", "jsms", bad, "--app", "1"}, `(?s)nothing was changed.*failed: +5.*1 +a key has 8 to 64.*2 +【 and 】.*3 .*4 +want app, developer.*5 +not a JSON object`, 1},
		{[]string{"import", "jsms", good, "--app", "1", "--dry-run"}, `dry run, nothing was changed`, 0},
		{[]string{"import", "jsms", good, "--app", "1"}, `(?s)import: +applied\nkeys: +1\n.*templates: +2\nsignatures: +1\n`, 0},
		{[]string{"import", "jsms", good, "--app", "1"}, `import: +applied`, 0},
		{[]string{"app", "jsms", "rotate-key", "1", "--developer"}, `^app 1 has a new secret for devKey [0-9A-Za-z]{24}; older ones end: at once\.\nkey: [0-9a-z]{24}\nIt is not stored`, 0},
		{[]string{"app", "show", "1"}, `jsms 7d431e42dfa6a6d693ac2d04 +yes `, 0},
	} {
		got := run(t, nil, append(slices.Clone(c.args), "--dev", l.folder)...)
		if got.code != c.code || !regexp.MustCompile(c.want).MatchString(got.out+got.err) {
			t.Errorf("%v: exit %d\n%s%s\nwant %s", c.args, got.code, got.out, got.err, c.want)
		}
	}
}
