//go:build interop

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"yanma.dev/yanma/test/process"
)

// TestOneAccessPage pastes the commands of docs/oneaccess.md, in their order, and
// holds
// what they answer to what the page shows, but for ids and tokens: OpenSSL makes
// the signatures.
func TestOneAccessPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/oneaccess.md")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	process.Dev(t, binary, filepath.Join(folder, "yanma-data"))
	var script strings.Builder
	var wants []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```\n```json\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		script.WriteString(block[1] + "printf '\\036'\n")
		wants = append(wants, strings.TrimSpace(block[2]))
	}
	if len(wants) != 4 {
		t.Fatalf("%d blocks of commands", len(wants))
	}
	bash := exec.Command("bash")
	bash.Dir, bash.Stdin = folder, strings.NewReader(script.String())
	out, err := bash.CombinedOutput()
	if err != nil {
		t.Fatalf("bash: %v\n%s", err, out)
	}
	same := func(s string) string {
		for what, by := range map[string]string{`"session_token":"[A-Za-z0-9]{32}"`: "session", `"id_token":"[\w-]+\.[\w-]+\.[\w-]+"`: "id token", `"user_name":"u[0-7][0-9a-hjkmnp-tv-z]{25}"`: "user"} {
			s = regexp.MustCompile(what).ReplaceAllString(strings.TrimSpace(s), by)
		}
		return s
	}
	said := strings.Split(strings.TrimSuffix(string(out), "\x1e"), "\x1e")
	for i, want := range wants {
		if i >= len(said) || same(said[i]) != same(want) {
			t.Errorf("block %d answered %q, the page says %s", i+1, said[min(i, len(said)-1)], want)
		}
	}
}
