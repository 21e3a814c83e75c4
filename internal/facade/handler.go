package facade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/idempotency"
)

// Config is what a Handler needs.
type Config struct {
	Mounts   []Mount
	Native   *http.ServeMux     // paths of no façade, such as /healthz; nil means none
	Trusted  []netip.Prefix     // proxies whose X-Forwarded-For and X-Request-Id count
	Calls    *idempotency.Calls // honours Idempotency-Key; nil: the header is ignored
	InFlight int64              // façade requests at work at once, over which the dialect's overload error is answered; 0 means no bound
	Now      func() time.Time
	Random   io.Reader // for request ids; safe for concurrent use
	Observer Observer
}

// Handler serves the public listener.
type Handler struct {
	mounts    []*mount
	native    *http.ServeMux
	trusted   []netip.Prefix
	calls     *idempotency.Calls
	places    places
	now       func() time.Time
	random    io.Reader
	observer  Observer
	exchanges sync.Pool
}

// New refuses mounts that would serve the same path on the same host, and
// prefixes that are none.
func New(c Config) (*Handler, error) {
	h := &Handler{native: c.Native, trusted: c.Trusted, calls: c.Calls, places: places{bound: c.InFlight}, now: c.Now, random: c.Random, observer: c.Observer}
	h.exchanges.New = func() any { return &Exchange{} }
	for _, m := range c.Mounts {
		ready, err := newMount(m)
		if err != nil {
			return nil, err
		}
		for _, other := range h.mounts {
			if ready.conflict(other) {
				return nil, fmt.Errorf("%s and %s would be served on the same paths", other.facade.Name, ready.facade.Name)
			}
		}
		h.mounts = append(h.mounts, ready)
	}
	return h, nil
}

// ServeHTTP answers one request and observes it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := h.begin(w, r)
	if m := h.find(x); m != nil {
		x.Event.Facade = m.facade.Name
		h.serve(w, x, m)
	} else {
		x.Event.Facade = NativeFacade
		h.serveNative(w, x)
	}
	x.Event.Duration = h.now().Sub(x.Event.Time)
	discardRest(w, r)
	h.observer.Observe(x.Event)
	if x.Event.Stack == nil { // what panicked may still hold on to it
		x.reset()
		h.exchanges.Put(x)
	}
}

// discarded is how much of a body that nobody wanted is read, in bytes.
const discarded = 256 << 10

// discardRest reads what a caller still sends who asked for the connection to
// be closed: closing it with bytes unread resets it, and the answer is lost on
// its way. For connections that go on net/http does this itself. The answer is
// sent first: the caller may wait for it.
func discardRest(w http.ResponseWriter, r *http.Request) {
	if leavesBody(r) && http.NewResponseController(w).Flush() == nil {
		_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, discarded))
	}
}

// leavesBody tells whether the connection will be closed with a part of the
// body unread, perhaps. Who sent Expect and was not asked sends none.
func leavesBody(r *http.Request) bool {
	return r.Close && r.ContentLength != 0 && r.Header["Expect"] == nil
}

func (h *Handler) begin(w http.ResponseWriter, r *http.Request) *Exchange {
	x := h.exchanges.Get().(*Exchange)
	x.Request, x.header = r, w.Header()
	x.Source = guard.SourceIP(r, h.trusted)
	x.Status, x.ContentType = http.StatusOK, ContentTypeJSON
	x.Event = Event{Time: h.now(), RequestID: h.requestID(r), Source: x.Source}
	x.SetHeader("X-Request-Id", x.Event.RequestID)
	return x
}

// find tells whose the path is; nil means nobody's.
func (h *Handler) find(x *Exchange) *mount {
	x.path = splitPath(x.Request.URL, x.segments[:0])
	host := hostName(x.Request.Host)
	for _, m := range h.mounts {
		if m.owns(x.path) && m.servesHost(host) {
			return m
		}
	}
	return nil
}

// serve runs a façade's request and writes its answer.
func (h *Handler) serve(w http.ResponseWriter, x *Exchange, m *mount) {
	full := h.places.enter()
	defer h.places.leave()
	x.places, x.calls, x.facade = &h.places, h.calls, m.facade
	err := x.resolve(m)
	if err == nil {
		err = full
	}
	if err == nil {
		err = x.handle(x.Request.Context())
	}
	if err != nil {
		x.refuse(m.facade, core.AsError(err))
	}
	x.write(w)
}

// resolve finds the route of a path that the façade owns.
func (x *Exchange) resolve(m *mount) error {
	x.match = m.endpoint(x.path)
	if x.match == nil {
		return core.E(core.KindUnknownPath, "")
	}
	x.Route = x.match.route(x.Request.Method)
	if x.Route == nil {
		x.SetHeader("Allow", x.match.allow)
		return core.E(core.KindMethodNotAllowed, "")
	}
	x.Event.Route = x.Route.Name
	return nil
}

// handle runs the dialect's handler; a panic is an error like any other.
func (x *Exchange) handle(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = x.panicked(v)
		}
	}()
	return x.Route.Handle(ctx, x)
}

// panicked notes where. Only the runtime's own messages are kept: any other
// value could hold a number or a secret, and the stack says where it was.
func (x *Exchange) panicked(v any) error {
	if e, ok := v.(error); ok && errors.Is(e, http.ErrAbortHandler) {
		panic(v)
	}
	x.Event.Stack = debug.Stack()
	if e, ok := v.(runtime.Error); ok {
		return core.E(core.KindInternal, "panic: "+e.Error())
	}
	return core.E(core.KindInternal, fmt.Sprintf("panic with a %T", v))
}

func (x *Exchange) refuse(f *Facade, err *core.Error) {
	x.Out = x.Out[:0]
	x.Status, x.ContentType = http.StatusInternalServerError, ContentTypeJSON
	delete(x.header, "Cache-Control") // was the success's
	if err.ToldToWait() {
		x.SetHeader("Retry-After", strconv.FormatInt(err.RetrySeconds(), 10))
	}
	f.Refuse(x, err)
	x.Event.Err = err
}

// The headers that never change are shared: net/http only reads them.
var (
	jsonHeader = []string{ContentTypeJSON}
	noStore    = []string{"no-store"}
)

// countedByServer is how much net/http takes before it cuts an answer without a
// length into chunks; the pictures of a captcha are longer.
const countedByServer = 2048

func (x *Exchange) write(w http.ResponseWriter) {
	switch {
	case x.ContentType == ContentTypeJSON:
		x.header["Content-Type"] = jsonHeader
	case x.ContentType != "": // an answer without a body has none
		x.header["Content-Type"] = []string{x.ContentType}
	}
	if len(x.header["Cache-Control"]) == 0 {
		x.header["Cache-Control"] = noStore
	}
	if leavesBody(x.Request) || len(x.Out) > countedByServer {
		x.SetHeader("Content-Length", strconv.Itoa(len(x.Out)))
	}
	x.Event.Status = x.Status
	w.WriteHeader(x.Status)
	_, _ = w.Write(x.Out) // the caller has gone: nobody is left to tell
}

// requestID takes over a trusted proxy's id, or makes 26 characters
// (contracts/README.md §3.2).
func (h *Handler) requestID(r *http.Request) string {
	if len(h.trusted) > 0 {
		if id := r.Header.Get("X-Request-Id"); isToken(id) && h.fromProxy(r) {
			return id
		}
	}
	var b [16]byte
	_, _ = io.ReadFull(h.random, b[:]) // an id that repeats harms nobody; a code's source is checked
	return core.EncodeID128(b)
}

// fromProxy tells whether the TCP peer itself is trusted.
func (h *Handler) fromProxy(r *http.Request) bool {
	peer := guard.SourceIP(r, nil)
	for _, p := range h.trusted {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// isToken is ^[A-Za-z0-9._-]{1,64}$.
func isToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}
