package puzzle

import (
	"encoding/base64"
	"io"
	"math"
	"strings"
)

// The geometry (contracts/oneaccess.md §2.1), in pixels.
const (
	Width      = 310 // of the background
	Height     = 155 // of both pictures
	PieceWidth = 47
	FirstX     = 100 // the leftmost column of a hole
	LastX      = 262 // the rightmost one
	Y          = 5   // of every answer: the piece is as high as the background
)

// Picture is one puzzle, ready to be served.
type Picture struct {
	X          int    // the answer
	Background string // Base64 of a PNG
	Piece      string // Base64 of a PNG
}

// Drawer draws puzzles, one at a time. It reuses its memory: give each goroutine
// its own.
type Drawer struct {
	*dice
	watermark string

	scene *scene
	field *field
	was   []int16 // the field under a hole, blurred

	ramp       [colours][3]byte
	order      [colours]byte
	masks      [1 + shapes]*mask // of the shapes that were cut before
	hole       *mask
	row        []byte
	piece      []int16
	background *picture
	part       *picture
}

// NewDrawer returns a drawer. Random is cryptographic; watermark is written
// into each background, "" for none (see CheckWatermark).
func NewDrawer(random io.Reader, watermark string) *Drawer {
	d := &Drawer{dice: newDice(random), watermark: watermark, field: new(field),
		row: make([]byte, Width), was: make([]int16, box*box), piece: make([]int16, PieceWidth*Height),
		background: newPicture(Width, Height, false), part: newPicture(PieceWidth, Height, true)}
	d.scene = newScene(d.dice, d.field)
	return d
}

// Draw makes a puzzle. The error is the random source's.
func (d *Drawer) Draw() (Picture, error) {
	x, background, piece, err := d.PNG()
	if err != nil {
		return Picture{}, err
	}
	return Picture{X: x, Background: text(background), Piece: text(piece)}, nil
}

// PNG is Draw without Base64. The files are valid until the next call.
func (d *Drawer) PNG() (x int, background, piece []byte, err error) {
	x = d.column()
	d.scene.draw()
	d.stamp()
	shape, y := 1+d.below(shapes), d.height()
	d.hole = d.mask(shape)
	d.take(x, y)
	d.dig(d.hole, x, y)
	d.decoys(shape, x)
	d.mix()
	background, piece = d.drawBackground(), d.drawPiece(y)
	return x, background, piece, d.err
}

// column draws the answer: each of the 163 with the same chance.
func (d *Drawer) column() int {
	for {
		if x := FirstX + int(d.octet()); x <= LastX { // a remainder would prefer some
			return x
		}
	}
}

// mask is a shape's, cut once.
func (d *Drawer) mask(shape int) *mask {
	if d.masks[shape] == nil {
		d.masks[shape] = new(mask)
		d.masks[shape].cut(shape)
	}
	return d.masks[shape]
}

// height is where a box begins, away from the borders.
func (d *Drawer) height() int { return Y + d.below(Height-box-2*Y) }

// take copies the piece out of the background, before the hole is made.
func (d *Drawer) take(x, y int) {
	for i, kind := range d.hole {
		v := d.field[(y+i/box)*Width+x+i%box]
		if kind == outline {
			v = bright
		}
		d.piece[(y+i/box)*PieceWidth+i%box] = v
	}
}

// dig blurs a hole of the mask's shape (mean of 3×3), and outlines it.
func (d *Drawer) dig(m *mask, x, y int) {
	for i := range m {
		if m[i] == inside {
			d.was[i] = d.mean(x+i%box, y+i/box)
		}
	}
	for i, kind := range m {
		at := (y+i/box)*Width + x + i%box
		switch kind {
		case inside:
			d.field[at] = d.was[i]
		case outline:
			d.field[at] = bright
		}
	}
}

// mean is that of a pixel and its eight neighbours; holes are never at a border.
func (d *Drawer) mean(x, y int) int16 {
	total := int32(0)
	for v := y - 1; v <= y+1; v++ {
		row := d.field[v*Width+x-1:][:3]
		total += int32(row[0]) + int32(row[1]) + int32(row[2])
	}
	return int16(total / 9)
}

// decoys digs up to two holes of other shapes where the true one is not.
func (d *Drawer) decoys(shape, x int) {
	taken := []int{x}
	for range d.below(3) {
		other := 1 + d.below(shapes)
		at := 1 + d.below(Width-box-2)
		free := alike(shape, other) <= 1
		for _, t := range taken {
			free = free && (at >= t+box || at+box <= t)
		}
		if free {
			taken = append(taken, at)
			d.dig(d.mask(other), at, d.height())
		}
	}
}

// mix draws the colours, and the order in which each palette has them.
func (d *Drawer) mix() {
	hue, turn := d.fraction(), d.fraction()-0.5
	vivid := 0.35 + 0.5*d.fraction()
	for level := range d.ramp {
		t := float64(level) / (colours - 1)
		d.ramp[level] = colourOf(hue+turn*t, vivid, 0.1+0.86*t)
	}
}

// colourOf turns hue, saturation and lightness, each 0 to 1, into red, green, blue.
func colourOf(hue, saturation, lightness float64) (c [3]byte) {
	reach := saturation * min(lightness, 1-lightness)
	for i, shift := range [3]float64{0, 8, 4} {
		k := math.Mod(shift+12*(hue-math.Floor(hue)), 12)
		c[i] = byte(255*(lightness-reach*max(-1, min(k-3, 9-k, 1))) + 0.5)
	}
	return c
}

func (d *Drawer) shuffle() {
	for i := range d.order {
		j := d.below(i + 1)
		d.order[i] = d.order[j]
		d.order[j] = byte(i)
	}
}

func (d *Drawer) drawBackground() []byte {
	d.shuffle()
	d.background.setPalette(&d.ramp, &d.order, 0)
	for y := range Height {
		d.grain(d.row, d.field[y*Width:][:Width])
		d.background.setRow(y, d.row)
	}
	return d.background.finish()
}

// drawPiece draws the piece with its outline, and nothing around it. One colour
// that no pixel needs is what cannot be seen.
func (d *Drawer) drawPiece(y int) []byte {
	d.shuffle()
	nothing := d.order[colours-1]
	d.part.setPalette(&d.ramp, &d.order, nothing)
	row := d.row[:PieceWidth]
	for v := range Height {
		d.grain(row, d.piece[v*PieceWidth:][:PieceWidth])
		for i := range row {
			if v < y || v >= y+box || d.hole[(v-y)*box+i] == outside {
				row[i] = nothing
			}
		}
		d.part.setRow(v, row)
	}
	return d.part.finish()
}

// grain turns brightness into indices, each up to 8 levels off, so that pixels that
// are equally bright have different bytes.
func (d *Drawer) grain(indices []byte, brightness []int16) {
	var bits uint64
	for i, v := range brightness {
		if i%16 == 0 {
			bits = d.uint64()
		}
		level := int(uint16(v)/fine) + int(bits&15) - 8
		bits >>= 4
		indices[i] = d.order[level&0xff]
	}
}

// text is Base64, written once.
func text(file []byte) string {
	var b strings.Builder
	b.Grow(base64.StdEncoding.EncodedLen(len(file)))
	var part [4096]byte
	const whole = len(part) / 4 * 3
	for len(file) > 0 {
		n := min(whole, len(file))
		base64.StdEncoding.Encode(part[:], file[:n])
		b.Write(part[:base64.StdEncoding.EncodedLen(n)])
		file = file[n:]
	}
	return b.String()
}
