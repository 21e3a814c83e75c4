package solver_test

import (
	"bytes"
	"image"
	"image/png"
	"math/rand/v2"
	"testing"

	"yanma.dev/yanma/internal/captcha/puzzle"
	"yanma.dev/yanma/internal/captcha/solver"
)

// gallery draws puzzles from a seed.
func gallery(t *testing.T, seed byte, watermark string) *puzzle.Drawer {
	t.Helper()
	return puzzle.NewDrawer(rand.NewChaCha8([32]byte{seed}), watermark)
}

func decode(t *testing.T, file []byte) image.Image {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func near(a, b int) bool { return a-b <= solver.Tolerance && b-a <= solver.Tolerance }

// TestReq26_PixelsShowTheGap: whoever sees the pictures finds the gap
// (issue: a solver that sees pixels only must).
func TestReq26_PixelsShowTheGap(t *testing.T) {
	pictures := 100
	if testing.Short() {
		pictures = 4
	}
	solved := 0
	for i := range pictures {
		watermark := ""
		if i%2 == 1 {
			watermark = "yanma.dev"
		}
		x, background, piece, err := gallery(t, byte(i), watermark).PNG()
		if err != nil {
			t.Fatal(err)
		}
		if near(solver.Gap(decode(t, background), decode(t, piece)), x) {
			solved++
		}
	}
	if solved*100 < pictures*95 {
		t.Errorf("%d of %d solved, want 95 %%", solved, pictures)
	}
	t.Logf("%d of %d solved", solved, pictures)
}
