package puzzle

import (
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
)

// picture is a PNG file of one size with a palette of 256 colours. Its chunks
// lie where they lie for every picture; drawing fills them in.
type picture struct {
	width, height int
	file          []byte
	palette       chunk
	alpha         chunk // empty: every colour is opaque
	data          chunk
	above         []byte // the row before, unfiltered
}

// chunk is a chunk's name and content in the file.
type chunk struct{ name, end int }

const (
	colours    = 256
	stored     = 5 // header of a block of deflate that is not compressed
	zlibHeader = 2
	sum        = 4
	average    = 3 // filter type: every byte of a row stands on the mean of its neighbours
)

func newPicture(width, height int, transparent bool) *picture {
	p := &picture{width: width, height: height, above: make([]byte, width)}
	p.file = append(p.file, "\x89PNG\r\n\x1a\n"...)
	header := binary.BigEndian.AppendUint32(nil, uint32(width))
	header = binary.BigEndian.AppendUint32(header, uint32(height))
	p.seal(p.begin("IHDR", append(header, 8, 3, 0, 0, 0)...)) // 8 bits, palette, deflate, five filters, not interlaced
	p.palette = p.begin("PLTE", make([]byte, 3*colours)...)
	if transparent {
		p.alpha = p.begin("tRNS", make([]byte, colours)...)
	}
	raw := height * (1 + width)
	body := append(make([]byte, 0, raw+16), 0x78, 0x01, 1) // one block, the last
	body = binary.LittleEndian.AppendUint16(body, uint16(raw))
	body = binary.LittleEndian.AppendUint16(body, ^uint16(raw))
	p.data = p.begin("IDAT", append(body, make([]byte, raw+sum)...)...)
	for y := range height {
		p.rows()[y*(1+width)] = average
	}
	p.seal(p.begin("IEND"))
	return p
}

// begin appends a chunk whose checksum is still to be set.
func (p *picture) begin(name string, content ...byte) chunk {
	p.file = binary.BigEndian.AppendUint32(p.file, uint32(len(content)))
	c := chunk{name: len(p.file)}
	p.file = append(append(p.file, name...), content...)
	c.end = len(p.file)
	p.file = append(p.file, make([]byte, sum)...)
	return c
}

func (p *picture) content(c chunk) []byte { return p.file[c.name+4 : c.end] }

// rows are the filter byte and the indices of each row.
func (p *picture) rows() []byte {
	body := p.content(p.data)
	return body[zlibHeader+stored : len(body)-sum]
}

// seal sets a chunk's checksum.
func (p *picture) seal(c chunk) {
	binary.BigEndian.PutUint32(p.file[c.end:], crc32.ChecksumIEEE(p.file[c.name:c.end]))
}

// setPalette writes the colours in the order of a permutation; clear is the
// index that is transparent, where there is one.
func (p *picture) setPalette(ramp *[colours][3]byte, order *[colours]byte, clear byte) {
	content := p.content(p.palette)
	for level, index := range order {
		copy(content[3*int(index):], ramp[level][:])
	}
	p.seal(p.palette)
	if p.alpha.end == 0 {
		return
	}
	alpha := p.content(p.alpha)
	for i := range alpha {
		alpha[i] = 0xff
	}
	alpha[clear] = 0
	p.seal(p.alpha)
}

// setRow filters one row of indices into its place. Rows come from the top.
func (p *picture) setRow(y int, indices []byte) {
	if y == 0 {
		clear(p.above)
	}
	out := p.rows()[y*(1+p.width)+1:][:p.width]
	above := p.above[:len(out)]
	left := 0
	for i, v := range indices[:len(out)] {
		out[i] = v - byte((left+int(above[i]))>>1)
		left = int(v)
		above[i] = v
	}
}

// finish sets the checksums of the rows.
func (p *picture) finish() []byte {
	body := p.content(p.data)
	binary.BigEndian.PutUint32(body[len(body)-sum:], adler32.Checksum(p.rows()))
	p.seal(p.data)
	return p.file
}
