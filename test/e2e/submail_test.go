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

// TestSubmailPage pastes the commands of docs/submail.md, in their order, and
// holds what they answer to what the page shows.
func TestSubmailPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/submail.md")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	process.Dev(t, binary, filepath.Join(folder, "yanma-data"))
	var script strings.Builder
	var wants []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```\n(?:```json\n(.*?)```)?").FindAllStringSubmatch(string(page), -1) {
		script.WriteString(block[1] + "printf '\\036'\n")
		wants = append(wants, strings.TrimSpace(block[2]))
	}
	if len(wants) != 8 {
		t.Fatalf("%d blocks of commands", len(wants))
	}
	bash := exec.Command("bash")
	bash.Dir, bash.Stdin = folder, strings.NewReader(script.String())
	out, err := bash.CombinedOutput()
	if err != nil {
		t.Fatalf("bash: %v\n%s", err, out)
	}
	same := func(s string) string {
		s = regexp.MustCompile(`[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(strings.TrimSpace(s), "ID")
		return regexp.MustCompile(`"runtime":[0-9.]+`).ReplaceAllString(s, `"runtime":0`)
	}
	said := strings.Split(strings.TrimSuffix(string(out), "\x1e"), "\x1e")
	for i, want := range wants {
		if i >= len(said) || same(said[i]) != same(want) {
			t.Errorf("block %d answered %q, the page says %s", i+1, said[min(i, len(said)-1)], want)
		}
	}
}
