package facade

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"yanma.dev/yanma/internal/core"
)

// Facade is one dialect as Handler serves it.
type Facade struct {
	Name   string   // for events, such as yunbox
	Owns   []string // paths: "/get-code" itself; "/u/" and everything below
	Routes []Route

	// Refuse writes err in the dialect's shape: it appends to x.Out, and sets
	// x.Status and x.Event.Code. x.Route is nil for an unknown path.
	Refuse func(x *Exchange, err *core.Error)
}

// Route is one endpoint of a dialect. A GET route also serves HEAD, unless
// NoHead says that its answer may be there only once.
type Route struct {
	Name    string // for events, such as get-code
	Method  string
	Path    string // segments in braces are parameters: /u/{uid}/devices
	BodyCap int64  // bytes that ReadBody takes
	NoHead  bool   // HEAD is refused

	// Unlisted keeps the method out of Allow: a browser's preflight is no method
	// of the endpoint's.
	Unlisted bool

	// Handle appends a success to x.Out, or returns why not; Refuse then
	// writes the answer, and what was appended is thrown away.
	Handle func(ctx context.Context, x *Exchange) error
}

// BodyCap is the cap of bodies where a route needs no other: 64 KiB
// (contracts/README.md §3.1).
const BodyCap = 64 << 10

// Mount puts a façade under host names and a path prefix (contracts/README.md
// §2). A façade that is not mounted is disabled.
type Mount struct {
	Facade *Facade
	Hosts  []string // host names without port; empty means every host
	Prefix string   // "" or such as "/jsms"; the bare paths are then not served
}

// mount is a Mount made ready to match.
type mount struct {
	facade *Facade
	hosts  []string
	owned  []ownedPath // with the prefix
	routes []endpoint
}

type ownedPath struct {
	segments []string
	below    bool
}

// endpoint is one path, with the prefix, and its routes, one for each method.
type endpoint struct {
	segments []string
	routes   []*Route
	allow    string
}

func newMount(m Mount) (*mount, error) {
	if m.Prefix != "" && (m.Prefix[0] != '/' || strings.HasSuffix(m.Prefix, "/") || strings.Contains(m.Prefix, "//")) {
		return nil, fmt.Errorf("%s: prefix %q: want a path as in /jsms", m.Facade.Name, m.Prefix)
	}
	ready := &mount{facade: m.Facade, hosts: m.Hosts}
	for _, path := range m.Facade.Owns {
		segments := split(m.Prefix + strings.TrimSuffix(path, "/"))
		ready.owned = append(ready.owned, ownedPath{segments: segments, below: strings.HasSuffix(path, "/")})
	}
	for i := range m.Facade.Routes {
		ready.add(split(m.Prefix+m.Facade.Routes[i].Path), &m.Facade.Routes[i])
	}
	return ready, nil
}

func split(path string) []string { return strings.Split(path[1:], "/") }

func (m *mount) add(segments []string, route *Route) {
	i := slices.IndexFunc(m.routes, func(e endpoint) bool { return slices.Equal(e.segments, segments) })
	if i < 0 {
		i = len(m.routes)
		m.routes = append(m.routes, endpoint{segments: segments})
	}
	e := &m.routes[i]
	e.routes = append(e.routes, route)
	var methods []string
	for _, r := range e.routes {
		if r.Unlisted {
			continue
		}
		methods = append(methods, r.Method)
		if r.servesHead() {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	e.allow = strings.Join(methods, ", ")
}

// conflict tells whether one request could belong to both mounts.
func (m *mount) conflict(other *mount) bool {
	if len(m.hosts) > 0 && len(other.hosts) > 0 && !slices.ContainsFunc(m.hosts, other.servesHost) {
		return false
	}
	return slices.ContainsFunc(m.owned, func(mine ownedPath) bool {
		return slices.ContainsFunc(other.owned, func(o ownedPath) bool {
			return mine.contains(o.segments) || o.contains(mine.segments)
		})
	})
}

func (m *mount) servesHost(host string) bool {
	return len(m.hosts) == 0 || slices.ContainsFunc(m.hosts, func(have string) bool { return strings.EqualFold(have, host) })
}

// owns tells whether the path belongs to the façade.
func (m *mount) owns(path []string) bool {
	for i := range m.owned {
		if m.owned[i].contains(path) {
			return true
		}
	}
	return false
}

func (o *ownedPath) contains(path []string) bool {
	if len(path) < len(o.segments) || len(path) > len(o.segments) && !o.below {
		return false
	}
	return slices.Equal(path[:len(o.segments)], o.segments)
}

// endpoint finds the path's routes; nil when there are none.
func (m *mount) endpoint(path []string) *endpoint {
	for i := range m.routes {
		if m.routes[i].matches(path) {
			return &m.routes[i]
		}
	}
	return nil
}

func (e *endpoint) matches(path []string) bool {
	if len(path) != len(e.segments) {
		return false
	}
	for i, want := range e.segments {
		if want != path[i] && !isParameter(want) {
			return false
		}
	}
	return true
}

func (e *endpoint) route(method string) *Route {
	for _, r := range e.routes {
		if r.Method == method || method == http.MethodHead && r.servesHead() {
			return r
		}
	}
	return nil
}

func (r *Route) servesHead() bool { return r.Method == http.MethodGet && !r.NoHead }

func isParameter(segment string) bool { return segment != "" && segment[0] == '{' }

// maxSegments is more than any endpoint's path has.
const maxSegments = 12

// splitPath cuts a request's path into segments, without the one trailing
// slash that is accepted (contracts/README.md §3.1). Each segment is unescaped
// by itself, so that an escaped slash stays inside it. What is beyond the last
// segment that any endpoint has is left out: the path still belongs to whoever
// owns its beginning, and is no endpoint. It gives nothing for a path that no
// façade can own.
func splitPath(u *url.URL, segments []string) []string {
	path := u.Path
	if u.RawPath != "" {
		path = u.RawPath
	}
	path, rooted := strings.CutPrefix(path, "/")
	if !rooted {
		return nil
	}
	path = strings.TrimSuffix(path, "/")
	for more := true; more; {
		var segment string
		segment, path, more = strings.Cut(path, "/")
		if u.RawPath != "" {
			plain, err := url.PathUnescape(segment)
			if err != nil {
				return nil
			}
			segment = plain
		}
		segments = append(segments, segment)
		if len(segments) == maxSegments {
			break
		}
	}
	return segments
}

// hostName is a request's host without its port.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}
