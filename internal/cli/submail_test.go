package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSubmailCommands runs them against a dev server.
func TestSubmailCommands(t *testing.T) {
	l := startDev(t)
	defer l.end(t)
	pairs := filepath.Join(t.TempDir(), "pairs.jsonl")
	if err := os.WriteFile(pairs, []byte(`{"type":"app","appid":"10001","appkey":"testkey"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"app", "submail", "rotate-key", "1", "--overlap", "1h"}, `^app 1 has a new appkey for appid [A-Za-z0-9]{12}; older ones end: .*\nkey: [0-9a-f]{32}\nIt is not stored`, 0},
		{[]string{"import", "submail", pairs, "--app", "1", "--dry-run"}, `dry run, nothing was changed`, 0},
		{[]string{"import", "submail", pairs, "--app", "1"}, `import: +applied\nkeys: +1\n`, 0},
		{[]string{"app", "submail", "rotate-key", "1"}, `several: name one`, 1},
		{[]string{"app", "submail", "revoke", "1"}, `^app 1 has no valid appkey\.\n$`, 0},
		{[]string{"app", "show", "1"}, `submail 10001 +no `, 0},
		{[]string{"app", "set", "1", "--origin", "https://www.example.com", "--funnel", "sms,voice"}, `origins: +https://www\.example\.com\nfunnel: +sms, voice\n`, 0},
		{[]string{"tenant", "set", "1", "--disabled", "--deny", "one-click-login"}, `state: +disabled\ndenied: +one-click-login\n`, 0},
		{[]string{"tenant", "set", "1", "--no-disabled", "--deny", ""}, `^tenant: +1\nname: +demo\ncreated: `, 0},
	} {
		args := append([]string{c.args[0], c.args[1]}, append([]string{"--dev", l.folder}, c.args[2:]...)...)
		if c.args[1] == "submail" && c.args[0] == "app" {
			args = append(append([]string{}, c.args[:3]...), append([]string{"--dev", l.folder}, c.args[3:]...)...)
		}
		got := run(t, nil, args...)
		if got.code != c.code || !regexp.MustCompile(c.want).MatchString(got.out+got.err) {
			t.Errorf("%s: exit %d\n%s%s\nwant %s", strings.Join(c.args, " "), got.code, got.out, got.err, c.want)
		}
	}
}
