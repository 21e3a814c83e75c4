package puzzle

// Brightness is kept in sixteenths of a palette level. The brightest levels are
// left to outlines, so that they stand out anywhere.
const (
	fine      = 16
	darkest   = 18 * fine
	brightest = 180 * fine
	bright    = 238 * fine
)

// field is a picture's brightness, row by row.
type field [Width * Height]int16

// octaves are the sizes of the noise's cells, and how much each adds.
var octaves = [...]struct {
	cell   int
	weight int32 // in levels
}{{64, 120}, {32, 60}, {16, 30}, {8, 18}}

// lattice has the noise's values at the corners of the cells of one octave.
const latticeWidth = Width/8 + 3

// scene draws a background.
type scene struct {
	*dice
	field  *field
	low    [latticeWidth]int32
	high   [latticeWidth]int32
	smooth [len(octaves)][64]int32 // weights within a cell, 0 to 1024
}

func newScene(d *dice, f *field) *scene {
	s := &scene{dice: d, field: f}
	for i, o := range octaves {
		for at := range o.cell {
			t := float64(at) / float64(o.cell)
			s.smooth[i][at] = int32(1024 * t * t * (3 - 2*t))
		}
	}
	return s
}

// draw fills the field: a slope, noise on it, shapes on that.
func (s *scene) draw() {
	s.slope()
	for i := range octaves {
		s.noise(i)
	}
	for range 5 + s.below(6) {
		s.shape()
	}
	for i, v := range s.field {
		s.field[i] = min(max(v, darkest), brightest)
	}
}

// slope is brighter towards a random side.
func (s *scene) slope() {
	across, down := int32(s.below(121)-60), int32(s.below(121)-60)
	for y := range Height {
		base := 98*fine - across*fine/2 - down*fine/2 + down*fine*int32(y)/Height
		row := s.field[y*Width:][:Width]
		for x := range row {
			row[x] = int16(base + across*fine*int32(x)/Width)
		}
	}
}

// noise adds one octave of value noise.
func (s *scene) noise(octave int) {
	cell, weight := octaves[octave].cell, octaves[octave].weight*fine
	smooth := s.smooth[octave][:cell]
	dx, dy := s.below(cell), s.below(cell)
	s.lattice(s.low[:], weight)
	s.lattice(s.high[:], weight)
	for y := range Height {
		at := (y + dy) % cell
		if at == 0 && y > 0 {
			s.low = s.high
			s.lattice(s.high[:], weight)
		}
		s.addRow(s.field[y*Width:][:Width], smooth, dx, smooth[at])
	}
}

func (s *scene) lattice(values []int32, weight int32) {
	for i := range values {
		values[i] = int32(s.below(int(weight))) - weight/2
	}
}

// addRow adds a row of noise, cell by cell: between two rows of the lattice, down
// of 1024.
func (s *scene) addRow(row []int16, smooth []int32, dx int, down int32) {
	mix := func(i int) int32 { return s.low[i] + (s.high[i]-s.low[i])*down>>10 }
	left := mix(0)
	smooth, whole := smooth[dx:], smooth
	for column := 1; len(row) > 0; column++ {
		right := mix(column)
		n := min(len(smooth), len(row))
		cell, rise := row[:n], right-left
		for i, part := range smooth[:n] {
			cell[i] += int16(left + rise*part>>10)
		}
		row, smooth, left = row[n:], whole, right
	}
}

// shape adds a disc, a ring, a bar or a box, brighter or darker than what is there.
func (s *scene) shape() {
	by := int16((25 + s.below(40)) * fine)
	if s.below(2) == 0 {
		by = -by
	}
	x, y, size := s.below(Width), s.below(Height), 10+s.below(40)
	switch s.below(4) {
	case 0:
		s.add(x, y, size, size, by, func(dx, dy int) bool { return dx*dx+dy*dy <= size*size })
	case 1:
		inner := size * 2 / 3
		s.add(x, y, size, size, by, func(dx, dy int) bool { r := dx*dx + dy*dy; return r <= size*size && r >= inner*inner })
	case 2:
		lean, half := s.below(5)-2, 3+s.below(6)
		s.add(x, y, 2*size, size, by, func(dx, dy int) bool { d := dx + dy*lean; return d <= half && d >= -half })
	default:
		s.add(x, y, size, size*2/3, by, func(int, int) bool { return true })
	}
}

// add changes the pixels of a shape around a centre.
func (s *scene) add(x, y, halfWidth, halfHeight int, by int16, has func(dx, dy int) bool) {
	for v := max(0, y-halfHeight); v < min(Height, y+halfHeight); v++ {
		row := s.field[v*Width:][:Width]
		for u := max(0, x-halfWidth); u < min(Width, x+halfWidth); u++ {
			if has(u-x, v-y) {
				row[u] += by
			}
		}
	}
}
