package puzzle

// A shape is a square of 35 pixels; each of its sides is straight, has a knob, or
// has a notch.
const (
	box    = 47 // with knobs on two sides
	margin = 6  // how far a knob stands out, and its radius
	rim    = 2  // width of the outline
	sides  = 4
	shapes = 80 // 3⁴ without the plain square, which is number 0
)

// mask tells for each pixel of the box what it is.
type mask [box * box]byte

// What a pixel of a mask is.
const (
	outside byte = iota
	inside
	outline
)

// cut makes a shape's mask; the number is 1 to shapes.
func (m *mask) cut(number int) {
	last := box - 1 - margin
	centres := [sides][2]int{{margin, box / 2}, {last, box / 2}, {box / 2, margin}, {box / 2, last}}
	for i := range m {
		x, y := i%box, i/box
		m[i] = outside
		if x >= margin && x <= last && y >= margin && y <= last {
			m[i] = inside
		}
	}
	for _, c := range centres {
		kind := number % 3
		number /= 3
		if kind == 0 {
			continue
		}
		for y := c[1] - margin; y <= c[1]+margin; y++ {
			for x := c[0] - margin; x <= c[0]+margin; x++ {
				if dx, dy := x-c[0], y-c[1]; dx*dx+dy*dy <= margin*margin {
					m[y*box+x] = byte(kind % 2) // 1 is a knob, 2 a notch
				}
			}
		}
	}
	m.findOutline()
}

// findOutline marks the pixels of the shape that are near to its border.
func (m *mask) findOutline() {
	for i := range m {
		if m[i] != outside && m.nearOutside(i%box, i/box) {
			m[i] = outline
		}
	}
}

func (m *mask) nearOutside(x, y int) bool {
	for dy := -rim; dy <= rim; dy++ {
		for dx := -rim; dx <= rim; dx++ {
			u, v := x+dx, y+dy
			if dx*dx+dy*dy <= rim*rim && (u < 0 || v < 0 || u >= box || v >= box || m[v*box+u] == outside) {
				return true
			}
		}
	}
	return false
}

// alike counts the sides that two shapes have in common.
func alike(a, b int) (n int) {
	for range sides {
		if a%3 == b%3 {
			n++
		}
		a, b = a/3, b/3
	}
	return n
}
