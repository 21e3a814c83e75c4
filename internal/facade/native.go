package facade

import (
	"net/http"

	"yanma.dev/yanma/internal/core"
)

// serveNative answers a path of no façade: one of the native mux, the root, or
// the native 404 (contracts/README.md §2).
func (h *Handler) serveNative(w http.ResponseWriter, x *Exchange) {
	if h.native != nil {
		if _, pattern := h.native.Handler(x.Request); pattern != "" {
			x.Event.Route = pattern
			x.serveMux(w, h.native)
			return
		}
	}
	err := x.native()
	if err != nil {
		x.refuse(nativeFacade, err)
	}
	x.write(w)
}

// native serves the root: some clients send HEAD / once at their start.
func (x *Exchange) native() *core.Error {
	if x.Request.URL.Path != "/" {
		return core.E(core.KindUnknownPath, "")
	}
	x.Event.Route = "/"
	switch x.Request.Method {
	case http.MethodGet, http.MethodHead:
		x.Out = append(x.Out, `{"service":"yanma"}`...)
		return nil
	default:
		x.SetHeader("Allow", "GET, HEAD")
		return core.E(core.KindMethodNotAllowed, "")
	}
}

// serveMux lets a native handler write its own answer and learns the status.
func (x *Exchange) serveMux(w http.ResponseWriter, mux *http.ServeMux) {
	seen := &statusWriter{ResponseWriter: w}
	defer func() {
		v := recover()
		if v != nil {
			x.Event.Err = core.AsError(x.panicked(v))
		}
		if v != nil && seen.status == 0 {
			x.refuse(nativeFacade, x.Event.Err)
			x.write(w)
			return
		}
		x.Event.Status = seen.status
		if seen.status == 0 {
			x.Event.Status = http.StatusOK
		}
	}()
	mux.ServeHTTP(seen, x.Request)
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers the first final status.
func (s *statusWriter) WriteHeader(status int) {
	if s.status == 0 && status >= http.StatusOK {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write implies status 200.
func (s *statusWriter) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// nativeFacade is the shape of errors on paths that nobody owns.
var nativeFacade = &Facade{Name: NativeFacade, Refuse: refuseNative}

func refuseNative(x *Exchange, err *core.Error) {
	var message string
	switch err.Kind {
	case core.KindUnknownPath:
		x.Status, x.Event.Code, message = http.StatusNotFound, "not_found", "There is nothing at this path."
	case core.KindMethodNotAllowed:
		x.Status, x.Event.Code, message = http.StatusMethodNotAllowed, "method_not_allowed", "This path does not take this method."
	default:
		x.Status, x.Event.Code, message = http.StatusInternalServerError, "internal", "Unexpected system error."
	}
	x.Out = append(x.Out, `{"error":{"code":`...)
	x.Out = AppendString(x.Out, x.Event.Code)
	x.Out = append(x.Out, `,"message":`...)
	x.Out = AppendString(x.Out, message)
	x.Out = append(x.Out, `}}`...)
}
