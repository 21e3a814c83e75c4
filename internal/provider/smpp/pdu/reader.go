package pdu

import (
	"bufio"
	"errors"
	"io"
)

// Reader cuts a byte stream into frames.
type Reader struct {
	r       *bufio.Reader
	skip    int
	waiting func(partial bool)
}

// NewReader reads frames from r. waiting, when not nil, is called before each
// read that may block: partial tells whether a frame has begun. The owner of
// the connection sets its read deadline there.
func NewReader(r io.Reader, waiting func(partial bool)) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, MaxLen), waiting: waiting}
}

// Next is the next frame. The body is valid until the next call. It fails with
// ErrLength (the header is returned too, for the generic_nack), with
// io.ErrUnexpectedEOF inside a frame, and as the stream does.
func (r *Reader) Next() (Header, []byte, error) {
	if r.skip > 0 {
		_, _ = r.r.Discard(r.skip) // it is in the buffer: Peek has shown it
		r.skip = 0
	}
	head, err := r.peek(HeaderLen)
	if err != nil {
		return r.short(head, err)
	}
	h, err := ParseHeader(head)
	if err != nil {
		return h, nil, err
	}
	frame, err := r.peek(int(h.Length))
	if err != nil {
		return h, nil, unexpected(err)
	}
	r.skip = len(frame)
	return h, frame[HeaderLen:], nil
}

// Buffered tells whether more bytes have been read already.
func (r *Reader) Buffered() bool { return r.r.Buffered() > r.skip }

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

// short tells a stream that ended between frames from one that ended inside a
// header.
func (r *Reader) short(head []byte, err error) (Header, []byte, error) {
	if len(head) == 0 {
		return Header{}, nil, err
	}
	return Header{}, nil, unexpected(err)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
