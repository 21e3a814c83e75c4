package pdu

import (
	"errors"
	"io"

	"yanma.dev/yanma/internal/provider/frame"
)

// Format is how SMPP frames (contracts/delivery.md §2.1, §2.4).
var Format = frame.Format{HeaderLen: HeaderLen, MaxLen: MaxLen}

// Reader cuts a byte stream into PDUs.
type Reader struct{ frames *frame.Reader }

// NewReader reads PDUs from r; waiting is frame.NewReader's.
func NewReader(r io.Reader, waiting func(partial bool)) *Reader {
	return &Reader{frames: frame.NewReader(r, Format, waiting)}
}

// Next is the next PDU. The body is valid until the next call. It fails with
// ErrLength (the header is returned too, for the generic_nack), with
// io.ErrUnexpectedEOF inside a frame, and as the stream does.
func (r *Reader) Next() (Header, []byte, error) {
	octets, err := r.frames.Next()
	if err != nil && !errors.Is(err, frame.ErrLength) {
		return Header{}, nil, err
	}
	return Split(octets)
}

// Split takes a whole frame apart. It fails with ErrLength; the header is
// returned with it.
func Split(octets []byte) (Header, []byte, error) {
	h, err := ParseHeader(octets)
	if err != nil {
		return h, nil, err
	}
	return h, octets[HeaderLen:], nil
}
