package guard

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// SourceIP is the address that a request counts against (contracts/README.md
// §3.3): the TCP peer, or, when the peer is a trusted proxy, the right-most hop
// of X-Forwarded-For that is not one. A hop that is no address ends the walk:
// what stands left of it was not written by a proxy of ours. The address has no
// zone, and an IPv4-mapped one is IPv4. It is invalid when the peer has none.
func SourceIP(r *http.Request, trusted []netip.Prefix) netip.Addr {
	source := parseHop(r.RemoteAddr)
	lines := r.Header["X-Forwarded-For"]
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			if !isTrusted(source, trusted) {
				return source
			}
			var hop string
			rest, hop, more = cutLast(rest)
			address := parseHop(hop)
			if !address.IsValid() {
				return source
			}
			source = address
		}
	}
	return source
}

// cutLast splits "a, b, c" into "a, b" and "c"; more tells whether a is left.
func cutLast(list string) (rest, last string, more bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", strings.TrimSpace(list), false
	}
	return list[:i], strings.TrimSpace(list[i+1:]), true
}

// parseHop reads an address with or without a port.
func parseHop(hop string) netip.Addr {
	address, err := netip.ParseAddr(hop)
	if err != nil {
		withPort, err := netip.ParseAddrPort(hop)
		if err != nil {
			return netip.Addr{}
		}
		address = withPort.Addr()
	}
	return address.Unmap().WithZone("")
}

func isTrusted(ip netip.Addr, trusted []netip.Prefix) bool {
	for _, p := range trusted {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// Callers says who calls an app's façade (contracts/README.md §6 "Who calls
// matters"): it decides whether limits per address apply.
type Callers uint8

// The kinds of callers.
const (
	CallersBackend  Callers = 1 // an app's server: thousands of users behind one address
	CallersEndUsers Callers = 2 // browsers and phones
)

// String is the configuration's word.
func (c Callers) String() string {
	switch c {
	case CallersBackend:
		return "backend"
	case CallersEndUsers:
		return "end_users"
	}
	return "unknown"
}

// ParseCallers is the inverse of String.
func ParseCallers(word string) (Callers, error) {
	for c := CallersBackend; c <= CallersEndUsers; c++ {
		if c.String() == word {
			return c, nil
		}
	}
	return 0, fmt.Errorf("callers %q: want backend or end_users", word)
}

// EndUserIP is the address for the end users' limits: source itself where end
// users call; what an authenticated backend passes on in X-End-User-IP; invalid
// (no such limit) when it passes nothing on, or no address.
func (c Callers) EndUserIP(header http.Header, source netip.Addr) netip.Addr {
	if c == CallersEndUsers {
		return source
	}
	address, err := netip.ParseAddr(header.Get("X-End-User-IP"))
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}
