package facade

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/idempotency"
)

// Exchange is one request and the answer that is being made. It is used again
// for another request afterwards: keep nothing of it.
type Exchange struct {
	Request *http.Request
	Route   *Route     // nil for an unknown path
	Source  netip.Addr // contracts/README.md §3.3
	Object  Object     // the body, after ReadObject
	Event   Event      // what is observed in the end

	Status      int    // of the answer; 200 unless set
	ContentType string // of the answer; ContentTypeJSON unless set, "" for one without a body
	Out         []byte // the answer's body

	header http.Header // of the answer
	path   []string    // segments of the request's path
	match  *endpoint
	places *places
	calls  *idempotency.Calls
	facade *Facade
	body   []byte

	segments [maxSegments]string
}

// Content types of answers (contracts/README.md §3.2).
const (
	ContentTypeJSON = "application/json;charset=UTF-8"
	ContentTypeText = "text/plain;charset=UTF-8"
)

// SetHeader sets a header of the answer. The name is in canonical form. Answers
// are not to be stored (contracts/README.md §3.2), unless Cache-Control is set.
func (x *Exchange) SetHeader(name, value string) { x.header[name] = []string{value} }

// Param is a parameter of the route's path, unescaped; "" when there is none
// of that name.
func (x *Exchange) Param(name string) string {
	for i, segment := range x.match.segments {
		if isParameter(segment) && segment[1:len(segment)-1] == name {
			return x.path[i]
		}
	}
	return ""
}

// ReadObject reads the body and decodes it into x.Object. Errors: those of
// ReadBody and of ParseObject.
func (x *Exchange) ReadObject() error {
	body, err := x.ReadBody()
	if err != nil {
		return err
	}
	return x.Object.Parse(body)
}

// ReadBody reads the whole body, up to the route's cap (contracts/README.md
// §3.1). Errors: KindBodyTooLarge, from the Content-Length before anything is
// read, or while reading; KindMediaType for an encoded body; KindMalformed for
// a body that breaks off; KindOverloaded when, with the body there, too many
// requests are at work.
func (x *Exchange) ReadBody() ([]byte, error) {
	limit := x.Route.BodyCap
	if x.Request.ContentLength > limit {
		return nil, core.E(core.KindBodyTooLarge, "by its Content-Length")
	}
	if !isIdentity(x.Request.Header["Content-Encoding"]) {
		return nil, core.E(core.KindMediaType, "Content-Encoding")
	}
	x.places.leave()
	body, err := x.receive(limit)
	if full := x.places.enter(); full != nil {
		return nil, full
	}
	return body, err
}

// receive waits for the body's bytes. Its memory grows with them.
func (x *Exchange) receive(limit int64) ([]byte, error) {
	if cap(x.body) == 0 {
		x.body = make([]byte, 0, 1024)
	}
	x.body = x.body[:0]
	more, err := x.fill(min(limit, smallBody))
	if more && limit > smallBody {
		defer x.places.leaveLarge()
		if err := x.places.enterLarge(); err != nil {
			return nil, err
		}
		more, err = x.fill(limit)
	}
	switch {
	case err != nil:
		return nil, core.Wrap(core.KindMalformed, err, "body breaks off")
	case more:
		return nil, core.E(core.KindBodyTooLarge, "while reading")
	}
	return x.body, nil
}

// fill reads until the body ends, or until there is more of it than most.
func (x *Exchange) fill(most int64) (more bool, err error) {
	for int64(len(x.body)) <= most {
		if len(x.body) == cap(x.body) {
			x.body = append(x.body, 0)[:len(x.body)]
		}
		n, err := x.Request.Body.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		switch {
		case errors.Is(err, io.EOF):
			return int64(len(x.body)) > most, nil
		case err != nil:
			return false, err
		}
	}
	return true, nil
}

// isIdentity tells whether the body is sent as it is.
func isIdentity(encodings []string) bool {
	for _, line := range encodings {
		for _, encoding := range strings.Split(line, ",") {
			encoding = strings.TrimSpace(encoding)
			if encoding != "" && !strings.EqualFold(encoding, "identity") {
				return false
			}
		}
	}
	return true
}

// keptBytes is how much of a buffer is kept for the next request.
const keptBytes = 16 << 10

// reset forgets the request, but for the memory.
func (x *Exchange) reset() {
	out, body, object := x.Out[:0], x.body[:0], x.Object
	if cap(out) > keptBytes {
		out = nil
	}
	if cap(body) > keptBytes {
		body = nil
	}
	object.Reset()
	*x = Exchange{Out: out, body: body, Object: object}
}
