package callback

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

// ErrInternal says that a URL leads to an address that is never called.
var ErrInternal = errors.New("the URL leads to an internal address")

// Resolver finds the addresses of a host: net.Resolver.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Guard opens connections to addresses of the public Internet only. What is
// checked is the address that is dialled, at every connection: a name that
// leads somewhere else the second time gains nothing.
type Guard struct {
	Resolver Resolver
	// Open dials an address that is a literal.
	Open func(ctx context.Context, network, address string) (net.Conn, error)
	// Allow are networks that may be called although they are internal.
	Allow []netip.Prefix
}

// Dial connects to the first address of the host that may be called.
// ErrInternal when there is none but internal ones.
func (g *Guard) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addresses, err := g.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	err = ErrInternal
	for _, a := range addresses {
		if !g.may(a) {
			continue
		}
		var conn net.Conn
		if conn, err = g.Open(ctx, network, net.JoinHostPort(a.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

func (g *Guard) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	return g.Resolver.LookupNetIP(ctx, "ip", host)
}

// may tells whether an address may be called.
func (g *Guard) may(a netip.Addr) bool {
	if a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	for _, p := range g.Allow {
		if p.Contains(a) {
			return true
		}
	}
	return public(a)
}

// reserved are the networks that are not the public Internet's (IANA's special
// registries), with what hides an IPv4 address inside of an IPv6 one, and the
// one public address that is a cloud's metadata service.
var reserved = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
	"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")

// global is where IPv6 addresses of the public Internet begin: loopback, local
// and multicast ones, NAT64's 64:ff9b::/96 and IPv4-compatible ones lie outside.
var global = netip.MustParsePrefix("2000::/3")

func public(a netip.Addr) bool {
	if a.Is6() && !global.Contains(a) {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsValid()
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}
