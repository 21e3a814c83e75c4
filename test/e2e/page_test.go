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

// pastePage pastes the commands of docs/NAME.md into a shell beside a fresh
// `yanma dev`, in their order, and holds what each block answers to what the page
// shows. blocks finds a block and its answer; same leaves out what differs each
// time.
func pastePage(t *testing.T, name, blocks string, count int, same func(string) string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/" + name + ".md")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	process.Dev(t, binary, filepath.Join(folder, "yanma-data"))
	var script strings.Builder
	var wants []string
	for _, block := range regexp.MustCompile(blocks).FindAllStringSubmatch(string(page), -1) {
		script.WriteString(block[1] + "printf '\\036'\n")
		wants = append(wants, strings.TrimSpace(block[2]))
	}
	if len(wants) != count {
		t.Fatalf("%d blocks of commands", len(wants))
	}
	bash := exec.Command("bash")
	bash.Dir, bash.Stdin = folder, strings.NewReader(script.String())
	out, err := bash.CombinedOutput()
	if err != nil {
		t.Fatalf("bash: %v\n%s", err, out)
	}
	said := strings.Split(strings.TrimSuffix(string(out), "\x1e"), "\x1e")
	for i, want := range wants {
		if i >= len(said) || same(said[i]) != same(want) {
			t.Errorf("block %d answered %q, the page says %s", i+1, said[min(i, len(said)-1)], want)
		}
	}
}
