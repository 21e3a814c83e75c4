package solver

import (
	"cmp"
	"image"
	"image/color"
	"slices"
)

// Bounds of the search: columns where the piece's left edge can be
// (contracts/oneaccess.md §2.1).
const (
	First = 100
	Last  = 262
)

// edge is how far the outline reaches into the hole, in pixels.
const edge = 3

// Gap finds the column at which a piece belongs, from pixels alone. The hole is
// the piece, blurred and outlined: inside of the outline the background is the
// mean of the piece's neighbouring pixels, and along it there is a contour.
// Decoys have a contour too, but not the piece's colours.
func Gap(background, piece image.Image) int {
	ground, part := read(background), read(piece)
	inside, contour := part.zones()
	blurred := part.blurred()
	var columns []candidate
	for x := First; x <= Last && x+part.w <= ground.w; x++ {
		columns = append(columns, candidate{x, ground.contrast(contour, x)})
	}
	// What has no contour is not worth a look inside.
	slices.SortFunc(columns, candidate.compare)
	columns = columns[:min(looks, len(columns))]
	for i, c := range columns {
		columns[i].score = c.score / (1 + ground.difference(blurred, inside, c.column))
	}
	slices.SortFunc(columns, candidate.compare)
	if len(columns) == 0 {
		return -1
	}
	return columns[0].column
}

// looks is how many columns are compared inside.
const looks = 20

// candidate is a column, and what speaks for it.
type candidate struct {
	column int
	score  float64
}

func (c candidate) compare(other candidate) int { return cmp.Compare(other.score, c.score) }

// picture is an image as numbers: red, green and blue of each pixel, 0 to 255.
type picture struct {
	w, h  int
	rgb   [][3]float64
	solid []bool // not transparent
}

func read(m image.Image) picture {
	b := m.Bounds()
	p := picture{w: b.Dx(), h: b.Dy()}
	p.rgb, p.solid = make([][3]float64, p.w*p.h), make([]bool, p.w*p.h)
	colour := colours(m)
	for y := range p.h {
		for x := range p.w {
			red, green, blue, alpha := colour(b.Min.X+x, b.Min.Y+y)
			at := y*p.w + x
			if p.solid[at] = alpha > 0x8000; alpha > 0 {
				scale := 255 / float64(alpha)
				p.rgb[at] = [3]float64{float64(red) * scale, float64(green) * scale, float64(blue) * scale}
			}
		}
	}
	return p
}

// colours gives the colour of a pixel; a palette's are looked up once.
func colours(m image.Image) func(x, y int) (red, green, blue, alpha uint32) {
	paletted, ok := m.(*image.Paletted)
	if !ok {
		return func(x, y int) (red, green, blue, alpha uint32) { return m.At(x, y).RGBA() }
	}
	known := make([]color.RGBA64, len(paletted.Palette))
	for i, c := range paletted.Palette {
		red, green, blue, alpha := c.RGBA()
		known[i] = color.RGBA64{R: uint16(red), G: uint16(green), B: uint16(blue), A: uint16(alpha)}
	}
	return func(x, y int) (red, green, blue, alpha uint32) { return known[paletted.ColorIndexAt(x, y)].RGBA() }
}

func (p picture) isSolid(x, y int) bool {
	return x >= 0 && y >= 0 && x < p.w && y < p.h && p.solid[y*p.w+x]
}

// zones are the piece's pixels away from its edge, and those along it.
func (p picture) zones() (inside, contour []image.Point) {
	for y := range p.h {
		for x := range p.w {
			if !p.isSolid(x, y) {
				continue
			}
			deep, border := true, false
			for dy := -edge; dy <= edge; dy++ {
				for dx := -edge; dx <= edge; dx++ {
					if !p.isSolid(x+dx, y+dy) {
						deep = false
						border = border || dx*dx+dy*dy <= 1
					}
				}
			}
			switch {
			case deep:
				inside = append(inside, image.Pt(x, y))
			case border:
				contour = append(contour, image.Pt(x, y))
			}
		}
	}
	return inside, contour
}

// blurred is the 3×3 mean of each pixel that is not at the border.
func (p picture) blurred() picture {
	b := picture{w: p.w, h: p.h, rgb: make([][3]float64, len(p.rgb))}
	for y := 1; y < p.h-1; y++ {
		for x := 1; x < p.w-1; x++ {
			b.rgb[y*p.w+x] = p.mean(x, y)
		}
	}
	return b
}

func (p picture) mean(x, y int) (m [3]float64) {
	for dy := -1; dy <= 1; dy++ {
		for dx := -1; dx <= 1; dx++ {
			for c, v := range p.rgb[(y+dy)*p.w+x+dx] {
				m[c] += v / 9
			}
		}
	}
	return m
}

// difference is how much the ground at a column differs from the blurred piece,
// 0 to 255 a channel.
func (p picture) difference(blurred picture, inside []image.Point, column int) float64 {
	sum := 0.0
	for _, at := range inside {
		sum += distance(p.rgb[at.Y*p.w+column+at.X], blurred.rgb[at.Y*blurred.w+at.X])
	}
	return sum / float64(max(1, len(inside)))
}

// contrast is how much the pixels under the piece's edge stand out from those
// two further out on both sides.
func (p picture) contrast(contour []image.Point, column int) float64 {
	sum, n := 0.0, 0
	for _, at := range contour {
		x := column + at.X
		if x < 2 || x >= p.w-2 || at.Y < 2 || at.Y >= p.h-2 {
			continue
		}
		here := p.rgb[at.Y*p.w+x]
		across := min(distance(here, p.rgb[at.Y*p.w+x-2]), distance(here, p.rgb[at.Y*p.w+x+2]))
		along := min(distance(here, p.rgb[(at.Y-2)*p.w+x]), distance(here, p.rgb[(at.Y+2)*p.w+x]))
		sum += max(across, along)
		n++
	}
	return sum / float64(max(1, n))
}

func distance(a, b [3]float64) float64 {
	sum := 0.0
	for c := range a {
		if d := a[c] - b[c]; d < 0 {
			sum -= d
		} else {
			sum += d
		}
	}
	return sum / 3
}
