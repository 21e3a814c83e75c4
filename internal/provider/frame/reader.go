package frame

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrLength is a frame whose length says less than a header or more than the
// format allows. The stream can not be read any further.
var ErrLength = errors.New("frame length out of range")

// Format is how a protocol frames: the first four octets, big-endian, are the
// length of the whole.
type Format struct {
	HeaderLen int // of every frame, its length included; at least 4
	MaxLen    int // the longest frame that is taken
}

// Reader cuts a byte stream into frames.
type Reader struct {
	r       *bufio.Reader
	format  Format
	skip    int
	waiting func(partial bool)
}

// NewReader reads frames from r. waiting, when not nil, is called before each
// read that may block: partial tells whether a frame has begun. The owner of
// the connection sets its read deadline there.
func NewReader(r io.Reader, format Format, waiting func(partial bool)) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, format.MaxLen), format: format, waiting: waiting}
}

// Next is the next frame, header included, valid until the next call. It fails
// with ErrLength (the header is returned too), with io.ErrUnexpectedEOF inside
// a frame, and as the stream does.
func (r *Reader) Next() ([]byte, error) {
	if r.skip > 0 {
		_, _ = r.r.Discard(r.skip) // it is in the buffer: Peek has shown it
		r.skip = 0
	}
	head, err := r.peek(r.format.HeaderLen)
	if err != nil {
		if len(head) == 0 {
			return nil, err
		}
		return nil, unexpected(err)
	}
	length := binary.BigEndian.Uint32(head)
	if length < uint32(r.format.HeaderLen) || length > uint32(r.format.MaxLen) {
		return head, fmt.Errorf("%w: %d", ErrLength, length)
	}
	whole, err := r.peek(int(length))
	if err != nil {
		return nil, unexpected(err)
	}
	r.skip = len(whole)
	return whole, nil
}

func (r *Reader) peek(n int) ([]byte, error) {
	if buffered := r.r.Buffered(); buffered < n && r.waiting != nil {
		if buffered == 0 {
			r.waiting(false)
			if _, err := r.r.Peek(1); err != nil {
				return nil, err
			}
		}
		if r.r.Buffered() < n {
			r.waiting(true)
		}
	}
	return r.r.Peek(n)
}

// unexpected tells a stream that ended inside a frame from one that ended
// between two.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
