package puzzle

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"image"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"
)

func drawn(t *testing.T, d *Drawer) (x int, background, piece []byte) {
	t.Helper()
	x, background, piece, err := d.PNG()
	if err != nil {
		t.Fatal(err)
	}
	return x, bytes.Clone(background), bytes.Clone(piece)
}

// TestGeometry: contracts/oneaccess.md §2.1. The files begin as it says.
func TestGeometry(t *testing.T) {
	d := NewDrawer(rand.Reader, "yanma.dev")
	for range 8 {
		p, err := d.Draw()
		if err != nil || p.X < 100 || p.X > 262 {
			t.Fatalf("x %d, %v", p.X, err)
		}
		if !strings.HasPrefix(p.Background, "iVBORw0KGgoAAAANSUhEUgAAATYAAACb") || !strings.HasPrefix(p.Piece, "iVBORw0KGgoAAAANSUhEUgAAAC8AAACb") {
			t.Fatalf("%.40s %.40s", p.Background, p.Piece)
		}
		background, piece := decode(t, p.Background), decode(t, p.Piece)
		if background.Bounds() != image.Rect(0, 0, 310, 155) || piece.Bounds() != image.Rect(0, 0, 47, 155) {
			t.Fatalf("%v %v", background.Bounds(), piece.Bounds())
		}
	}
}

func decode(t *testing.T, text string) image.Image {
	t.Helper()
	file, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestPieceFits: the piece is what was at its column; where it belongs there is a
// bright outline, and inside of that the piece, blurred.
func TestPieceFits(t *testing.T) {
	d := NewDrawer(rand.Reader, "")
	pictures := 4
	if testing.Short() {
		pictures = 1
	}
	for range pictures {
		x, backgroundFile, pieceFile := drawn(t, d)
		background, piece := readPNG(t, backgroundFile), readPNG(t, pieceFile)
		here, elsewhere := distance(background, piece, x), math.Inf(1)
		for other := FirstX; other <= LastX; other++ {
			if other < x-3 || other > x+3 {
				elsewhere = min(elsewhere, distance(background, piece, other))
			}
		}
		if here >= elsewhere || here > 25 {
			t.Errorf("x %d: the piece is %.1f off where it belongs, %.1f elsewhere", x, here, elsewhere)
		}
	}
}

// readPNG is a file as a browser shows it.
func readPNG(t *testing.T, file []byte) image.Image {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// distance is the mean difference of the piece from the background at a column.
func distance(background, piece image.Image, column int) float64 {
	sum, n := 0.0, 0
	for y := range Height {
		for x := range PieceWidth {
			r, g, b, a := piece.At(x, y).RGBA()
			if a == 0 {
				continue
			}
			u, v, w, _ := background.At(column+x, y).RGBA()
			for _, d := range [...]int{int(r) - int(u), int(g) - int(v), int(b) - int(w)} {
				sum += math.Abs(float64(d)) / 257
			}
			n += 3
		}
	}
	return sum / float64(n)
}

// TestUniform: each column comes as often as any other (chi-squared, 162 degrees
// of freedom: 260 is passed once in 10⁶), whatever bytes the source gives.
func TestUniform(t *testing.T) {
	each := 200
	if testing.Short() {
		each = 50
	}
	var counts [LastX + 1]int
	d := NewDrawer(rand.Reader, "")
	for range 163 * each {
		counts[d.column()]++
	}
	chi := 0.0
	for x := FirstX; x <= LastX; x++ {
		off := float64(counts[x] - each)
		chi += off * off / float64(each)
	}
	if chi > 260 {
		t.Errorf("chi-squared %.0f", chi)
	}
	for b := range 256 { // no byte is folded into the range
		d := NewDrawer(bytes.NewReader(append([]byte{byte(b), 7}, make([]byte, 4094)...)), "")
		want := FirstX + b
		if b > LastX-FirstX {
			want = FirstX + 7
		}
		if got := d.column(); got != want {
			t.Errorf("byte %d is column %d", b, got)
		}
	}
}

// TestFilesAreAlike: every file has the same length and the same bytes outside of
// palette, rows and checksums, and no other chunks than it must.
func TestFilesAreAlike(t *testing.T) {
	d := NewDrawer(rand.Reader, "")
	_, background, piece := drawn(t, d)
	for range 20 {
		_, b, p := drawn(t, d)
		for _, pair := range [][2][]byte{{background, b}, {piece, p}} {
			if len(pair[0]) != len(pair[1]) || chunks(pair[0]) != chunks(pair[1]) {
				t.Errorf("%d bytes of %s, %d of %s", len(pair[0]), chunks(pair[0]), len(pair[1]), chunks(pair[1]))
			}
		}
	}
	if got := chunks(background); got != "IHDR 13 PLTE 768 IDAT 48216 IEND 0 " {
		t.Error(got)
	}
	if got := chunks(piece); got != "IHDR 13 PLTE 768 tRNS 256 IDAT 7451 IEND 0 " {
		t.Error(got)
	}
}

func chunks(file []byte) string {
	var list strings.Builder
	for at := 8; at+8 <= len(file); {
		n := int(file[at])<<24 | int(file[at+1])<<16 | int(file[at+2])<<8 | int(file[at+3])
		list.Write(file[at+4 : at+8])
		list.WriteString(" " + itoa(n) + " ")
		at += 12 + n
	}
	return list.String()
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// TestBytesAreFlat: the bytes of the rows look alike everywhere. In the columns of
// the hole neither runs nor repetitions are more frequent than elsewhere: who
// counts bytes without decoding them learns nothing.
func TestBytesAreFlat(t *testing.T) {
	pictures := 60
	if testing.Short() {
		pictures = 12
	}
	d := NewDrawer(rand.Reader, "")
	var in, out tally
	for range pictures {
		x, background, _ := drawn(t, d)
		rows := background[8+25+12+768+8+7:]
		for y := range Height {
			row := rows[y*(1+Width)+1:][:Width]
			in.add(row[x : x+PieceWidth])
			other := (x-FirstX+81)%(LastX-FirstX+1) + FirstX // half a turn away
			out.add(row[other : other+PieceWidth])
		}
	}
	for name, pair := range map[string][2]float64{"runs": {in.runs(), out.runs()}, "repetitions": {in.repeats(), out.repeats()}} {
		if math.Abs(pair[0]-pair[1]) > 0.0020 || pair[0] > 0.008 {
			t.Errorf("%s: %.5f in the hole's columns, %.5f in others", name, pair[0], pair[1])
		}
	}
}

// tally counts equal neighbours, and equal bytes two apart.
type tally struct{ pairs, equal, apart int }

func (s *tally) add(row []byte) {
	for i := 2; i < len(row); i++ {
		s.pairs++
		if row[i] == row[i-1] {
			s.equal++
		}
		if row[i] == row[i-2] {
			s.apart++
		}
	}
}

func (s *tally) runs() float64    { return float64(s.equal) / float64(s.pairs) }
func (s *tally) repeats() float64 { return float64(s.apart) / float64(s.pairs) }

// TestShapes: every shape has an inside, an outline around it, and stays in its box.
func TestShapes(t *testing.T) {
	seen := map[mask]int{}
	for number := 1; number <= shapes; number++ {
		var m mask
		m.cut(number)
		if other, twice := seen[m]; twice {
			t.Errorf("shapes %d and %d are one", other, number)
		}
		seen[m] = number
		inner := 0
		for i, kind := range m {
			x, y := i%box, i/box
			if kind == inside {
				inner++
				if x < rim || y < rim || x >= box-rim || y >= box-rim || m.nearOutside(x, y) {
					t.Fatalf("shape %d: no outline at %d,%d", number, x, y)
				}
			}
		}
		if inner < 500 {
			t.Errorf("shape %d has %d pixels inside", number, inner)
		}
	}
}

func TestWatermark(t *testing.T) {
	for text, good := range map[string]bool{"": true, "Yanma.dev": true, "HTTPS://A-B:9": true, "验码": false, "a_b": false, strings.Repeat("x", 41): false} {
		if err := CheckWatermark(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := NewDrawer(rand.Reader, strings.Repeat("M", MaxWatermark)).Draw(); err != nil {
		t.Error(err)
	}
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// TestNoRandomness: a picture that was drawn without any is none.
func TestNoRandomness(t *testing.T) {
	broken := errors.New("broken")
	for _, source := range []io.Reader{failing{broken}, io.MultiReader(io.LimitReader(rand.Reader, 8192), failing{broken})} {
		d := NewDrawer(source, "")
		for range 3 {
			if p, err := d.Draw(); !errors.Is(err, broken) || p != (Picture{}) {
				t.Errorf("x %d, %v", p.X, err)
			}
		}
	}
}
