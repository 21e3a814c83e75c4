//go:build interop

package sip

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/sip/g711"
	"yanma.dev/yanma/internal/provider/sip/listen"
	"yanma.dev/yanma/internal/provider/sip/speech"
)

// TestPromptsAreTheScripts: what scripts/prompts.sh speaks today with espeak-ng
// is recognised as what is kept in the tree.
func TestPromptsAreTheScripts(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if out, err := exec.Command("../../../scripts/prompts.sh", folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	book, err := speech.Open()
	if err != nil {
		t.Fatal(err)
	}
	r := listen.New(book)
	for _, l := range []core.Language{core.Chinese, core.English} {
		for d := range 10 {
			file, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf("%s-%d.wav", l, d)))
			if err != nil {
				t.Fatal(err)
			}
			law, octets, err := g711.FromWAV(file)
			if err != nil {
				t.Fatal(err)
			}
			got := r.Digits(law.Decode(nil, octets))
			if len(got) != 1 || got[0].Digit != '0'+byte(d) || got[0].Language != l {
				t.Errorf("%s %d is heard as %+v", l, d, got)
			}
		}
	}
}
