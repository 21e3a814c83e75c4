package solver

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

var errNotPNG = errors.New("solver: not a PNG file")

// chunk is one part of a PNG file.
type chunk struct {
	name string
	data []byte
}

func chunks(file []byte) ([]chunk, error) {
	if len(file) < 8 || string(file[:8]) != "\x89PNG\r\n\x1a\n" {
		return nil, errNotPNG
	}
	var all []chunk
	for rest := file[8:]; len(rest) > 0; {
		if len(rest) < 12 {
			return nil, errNotPNG
		}
		n := int(binary.BigEndian.Uint32(rest))
		if n < 0 || n > len(rest)-12 {
			return nil, errNotPNG
		}
		all = append(all, chunk{string(rest[4:8]), rest[8 : 8+n]})
		rest = rest[12+n:]
	}
	return all, nil
}

// Shape is what a file looks like without looking at its picture: everything
// of it that has a length, a count or a kind. Two pictures of one shape can not
// be told apart by it.
type Shape struct {
	Bytes   int
	Chunks  []string // name of each
	Lengths []int    // bytes of each
	Header  string   // IHDR: size, depth, colour type
	Blocks  []int    // of the deflate stream: kind and length in turn; a compressed one ends the list
	Rows    []int    // filter of each row
}

// ShapeOf takes a file apart.
func ShapeOf(file []byte) (Shape, error) {
	all, err := chunks(file)
	if err != nil {
		return Shape{}, err
	}
	s := Shape{Bytes: len(file)}
	var stream []byte
	for _, c := range all {
		s.Chunks, s.Lengths = append(s.Chunks, c.name), append(s.Lengths, len(c.data))
		switch c.name {
		case "IHDR":
			s.Header = string(c.data)
		case "IDAT":
			stream = append(stream, c.data...)
		}
	}
	if len(s.Header) != 13 || len(stream) < 6 {
		return Shape{}, errNotPNG
	}
	s.Blocks = blocks(stream[2 : len(stream)-4])
	rows, height := unpacked(stream), int(binary.BigEndian.Uint32([]byte(s.Header[4:8])))
	if height == 0 || len(rows)%height != 0 {
		return Shape{}, errNotPNG
	}
	for at := 0; at < len(rows); at += len(rows) / height {
		s.Rows = append(s.Rows, int(rows[at]))
	}
	return s, nil
}

// blocks are kind and length of the deflate blocks that are stored, up to the
// first one that is compressed.
func blocks(stream []byte) (found []int) {
	for len(stream) >= 5 {
		kind := int(stream[0] >> 1 & 3)
		if kind != 0 {
			return append(found, kind, len(stream))
		}
		n := int(binary.LittleEndian.Uint16(stream[1:]))
		found = append(found, 0, n)
		if stream[0]&1 == 1 || 5+n > len(stream) {
			return append(found, len(stream)-5-n)
		}
		stream = stream[5+n:]
	}
	return found
}

// unpacked is the picture's rows, each after its filter; what can not be
// unpacked is missing.
func unpacked(stream []byte) []byte {
	r, err := zlib.NewReader(bytes.NewReader(stream))
	if err != nil {
		return nil
	}
	rows, _ := io.ReadAll(r)
	return rows
}

// features are what bytes alone say, as numbers: the shape, how often each
// value comes, how the file and its beginnings would compress, the palette, and
// what the rows add up to.
func features(file []byte) ([]float64, error) {
	s, err := ShapeOf(file)
	if err != nil {
		return nil, err
	}
	all, err := chunks(file)
	if err != nil {
		return nil, err
	}
	f := []float64{float64(s.Bytes), float64(len(s.Chunks)), float64(len(s.Blocks))}
	f = padded(f, s.Lengths, 8)
	f = padded(f, s.Blocks, 16)
	f = padded(f, s.Rows, 155)
	var stream, palette, clear []byte
	for _, c := range all {
		switch c.name {
		case "IDAT":
			stream = append(stream, c.data...)
		case "PLTE":
			palette = c.data
		case "tRNS":
			clear = c.data
		}
	}
	for i := range 48 { // the palette's first colours: its order
		f = append(f, at(palette, i))
	}
	for i := range 8 {
		f = append(f, at(clear, i), at(stream, len(stream)-1-i))
	}
	f = append(f, counts(stream)...)
	f = append(f, compressed(file)...)
	return append(f, sums(unpacked(stream), len(s.Rows))...), nil
}

// padded appends so many numbers, with zeroes where there are fewer.
func padded(f []float64, numbers []int, n int) []float64 {
	for i := range n {
		if i < len(numbers) {
			f = append(f, float64(numbers[i]))
		} else {
			f = append(f, 0)
		}
	}
	return f
}

func at(b []byte, i int) float64 {
	if i < 0 || i >= len(b) {
		return 0
	}
	return float64(b[i])
}

// counts says how often the values come: of the most frequent ones, and how
// many there are at all.
func counts(b []byte) []float64 {
	var n [256]int
	for _, v := range b {
		n[v]++
	}
	slices.SortFunc(n[:], func(a, b int) int { return b - a })
	f := padded(nil, n[:], 16)
	distinct := slices.Index(n[:], 0)
	return append(f, float64(distinct))
}

// compressed is how long the file would be, after each quarter of it.
func compressed(file []byte) (f []float64) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		return nil
	}
	for part := range 4 {
		_, _ = w.Write(file[len(file)*part/4 : len(file)*(part+1)/4]) // a buffer takes everything
		_ = w.Flush()
		f = append(f, float64(out.Len()))
	}
	return f
}

// sums are the sum of each eighth row's bytes.
func sums(rows []byte, height int) (f []float64) {
	for y := 0; y < height; y += 8 {
		sum := 0
		for _, v := range rows[y*len(rows)/height : (y+1)*len(rows)/height] {
			sum += int(v)
		}
		f = append(f, float64(sum))
	}
	return f
}
