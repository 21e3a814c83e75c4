//go:build interop

package browser

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"yanma.dev/yanma/internal/captcha/solver"
)

// The geometry of a puzzle (contracts/oneaccess.md §2.1), in its own pixels.
const (
	puzzleWidth, puzzleHeight, pieceWidth = 310, 155, 47
	firstLook                             = 60 // how far the piece is pulled to see what it is
)

// rect is where something is on the page, in CSS pixels.
type rect struct{ X, Y, Width, Height float64 }

func (r rect) middle() (x, y float64) { return r.X + r.Width/2, r.Y + r.Height/2 }

func (p *page) rect(t *testing.T, selector string) rect {
	t.Helper()
	return eval[rect](t, p, fmt.Sprintf(`(({x, y, width, height}) => ({X: x, Y: y, Width: width, Height: height}))(document.querySelector(%q).getBoundingClientRect())`, selector))
}

// mouse presses, moves or releases the left button.
func (p *page) mouse(t *testing.T, kind input.DispatchMouseEventType, x, y float64) {
	t.Helper()
	call(t, p.ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: x, Y: y, Button: input.MouseButtonLeft, Buttons: 1, ClickCount: 1})
}

// pull drags the knob of a puzzle to where the piece belongs, as a person does:
// first a little, to see what the piece looks like, and then to the gap. All that
// is known is what is on the screen.
func (p *page) pull(t *testing.T, picture, knob rect, name string) {
	t.Helper()
	scale := picture.Width / puzzleWidth
	look := float64(int(firstLook * scale))
	before := p.look(t, picture, "")
	x, y := knob.middle()
	p.mouse(t, input.DispatchMouseEventTypeMousePressed, x, y)
	p.mouse(t, input.DispatchMouseEventTypeMouseMoved, x+look, y)
	after := p.look(t, picture, "")
	gap := solver.Gap(before, moved(before, after, int(look/scale)))
	for step := 1; step <= 8; step++ { // not at once: people do not jump
		p.mouse(t, input.DispatchMouseEventTypeMouseMoved, x+look+(float64(gap)*scale-look)*float64(step)/8, y)
	}
	p.look(t, picture, name) // and they let go when they see that it fits
	p.mouse(t, input.DispatchMouseEventTypeMouseReleased, x+float64(gap)*scale, y)
}

// look is what the screen shows of a picture, in the picture's own pixels.
func (p *page) look(t *testing.T, at rect, name string) *image.NRGBA {
	t.Helper()
	var file []byte
	if name != "" {
		file = p.screenshot(t, name)
	} else {
		var err error
		if file, err = chromedp.Run(p.ctx, chromedp.CaptureScreenshot()); err != nil {
			t.Fatal(err)
		}
	}
	screen, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	m := image.NewNRGBA(image.Rect(0, 0, puzzleWidth, puzzleHeight))
	for y := range puzzleHeight {
		for x := range puzzleWidth {
			m.Set(x, y, screen.At(int(at.X+(float64(x)+0.5)*at.Width/puzzleWidth), int(at.Y+(float64(y)+0.5)*at.Height/puzzleHeight)))
		}
	}
	return m
}

// moved is the piece: what the screen shows differently, at a column, after it
// was pulled there.
func moved(before, after *image.NRGBA, column int) image.Image {
	piece := image.NewNRGBA(image.Rect(0, 0, pieceWidth, puzzleHeight))
	for y := range puzzleHeight {
		for x := range pieceWidth {
			changed := 0
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					if differs(before.NRGBAAt(column+x+dx, y+dy), after.NRGBAAt(column+x+dx, y+dy)) {
						changed++
					}
				}
			}
			if changed >= 5 { // one pixel may look alike by chance
				piece.Set(x, y, after.At(column+x, y))
			}
		}
	}
	return piece
}

func differs(a, b color.NRGBA) bool {
	apart := func(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }
	return apart(a.R, b.R)+apart(a.G, b.G)+apart(a.B, b.B) > 6
}
