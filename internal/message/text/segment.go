package text

// MaxSegments is how many segments the concatenation header can count.
const MaxSegments = 255

// Segments splits s into the texts of its short messages: one when it fits,
// otherwise parts of 153 septets or 67 UTF-16 units at most. No extension
// character and no surrogate pair is split. The empty text is one empty part.
// More than MaxSegments parts can not be sent; callers check the length.
func Segments(s string, forceUCS2 bool) (Alphabet, []string) {
	a := Choose(s, forceUCS2)
	if a.Units(s) <= a.Single() {
		return a, []string{s}
	}
	parts := make([]string, 0, a.Units(s)/a.Segment()+1)
	for len(s) > 0 {
		n := a.segmentEnd(s)
		parts = append(parts, s[:n])
		s = s[n:]
	}
	return a, parts
}

// Count is len(Segments(s, forceUCS2)) without making them: what a text costs.
func Count(s string, forceUCS2 bool) int {
	a := Choose(s, forceUCS2)
	if a.Units(s) <= a.Single() {
		return 1
	}
	n := 0
	for len(s) > 0 {
		s = s[a.segmentEnd(s):]
		n++
	}
	return n
}

// segmentEnd is the byte offset at which the first segment of s ends.
func (a Alphabet) segmentEnd(s string) int {
	used := 0
	for i, char := range s {
		used += a.cost(char)
		if used > a.Segment() {
			return i
		}
	}
	return len(s)
}

// HeaderLen is the length of the concatenation header that AppendHeader writes.
const HeaderLen = 6

// AppendHeader appends the user-data header of one segment, 05 00 03 XX MM NN:
// reference, count, number from 1 (contracts/delivery.md §7).
func AppendHeader(dst []byte, ref, count, number byte) []byte {
	return append(dst, 5, 0, 3, ref, count, number)
}

// Part says which segment of which message an octet string is.
type Part struct {
	Ref    uint16
	Count  byte // 1 for a message of one part
	Number byte // from 1
}

// Information elements of a user-data header (3GPP TS 23.040 §9.2.3.24).
const (
	elementConcat8  = 0x00
	elementConcat16 = 0x08
)

// ParseHeader takes the user-data header off octets. Other information
// elements are skipped; without a concatenation element the part is 1 of 1.
// ok is false when the header is longer than the octets, an element than the
// header, or a segment's number is not within its count.
func ParseHeader(octets []byte) (p Part, body []byte, ok bool) {
	p = Part{Count: 1, Number: 1}
	if len(octets) == 0 || int(octets[0]) > len(octets)-1 {
		return p, nil, false
	}
	header, body := octets[1:1+int(octets[0])], octets[1+int(octets[0]):]
	for len(header) > 0 {
		if len(header) < 2 || int(header[1]) > len(header)-2 {
			return p, nil, false
		}
		value := header[2 : 2+int(header[1])]
		switch {
		case header[0] == elementConcat8 && len(value) == 3:
			p = Part{Ref: uint16(value[0]), Count: value[1], Number: value[2]}
		case header[0] == elementConcat16 && len(value) == 4:
			p = Part{Ref: uint16(value[0])<<8 | uint16(value[1]), Count: value[2], Number: value[3]}
		}
		header = header[2+int(header[1]):]
	}
	return p, body, p.Number >= 1 && p.Number <= p.Count
}
