package tunnel

import (
	"encoding/binary"
	"net/netip"

	"yanma.dev/yanma/internal/store/records"
)

// Hosts of a network. The first address names the network and the second is
// the gateway's; in IPv4 the last one is the broadcast address.
const firstHost = 2

// Network is a user's block of addresses.
type Network struct {
	Number int64
	IPv4   netip.Prefix
	IPv6   netip.Prefix // a /64
}

// networks is how many networks both pools have: numbers 1 to this.
func (c Config) networks() int64 {
	bits := min(c.IPv4Bits-c.IPv4Pool.Bits(), 64-c.IPv6Pool.Bits())
	return 1 << bits
}

// DevicesPerNetwork is how many devices a user's network has addresses for.
func (c Config) DevicesPerNetwork() int { return int(c.lastHost()) - firstHost + 1 }

func (c Config) lastHost() int64 { return 1<<(32-c.IPv4Bits) - 2 }

// numbers is the range of network numbers for real or for test users.
func (c Config) numbers(test bool) (low, high int64) {
	if test {
		return 1, c.testNetworks()
	}
	return c.testNetworks() + 1, c.networks()
}

func (c Config) testNetworks() int64 {
	if c.TestNetworks > 0 {
		return int64(c.TestNetworks)
	}
	return max(1, min(256, c.networks()/16))
}

// network is the block of a number from 1 to networks.
func (c Config) network(number int64) Network {
	index := uint64(number - 1)
	v4 := c.IPv4Pool.Addr().As4()
	binary.BigEndian.PutUint32(v4[:], binary.BigEndian.Uint32(v4[:])+uint32(index)<<(32-c.IPv4Bits))
	v6 := c.IPv6Pool.Addr().As16()
	binary.BigEndian.PutUint64(v6[:8], binary.BigEndian.Uint64(v6[:8])+index)
	return Network{
		Number: number,
		IPv4:   netip.PrefixFrom(netip.AddrFrom4(v4), c.IPv4Bits),
		IPv6:   netip.PrefixFrom(netip.AddrFrom16(v6), 64),
	}
}

// addresses are the two of a host, as single-address prefixes.
func (n Network) addresses(host int64) []netip.Prefix {
	v4 := n.IPv4.Addr().As4()
	binary.BigEndian.PutUint32(v4[:], binary.BigEndian.Uint32(v4[:])+uint32(host))
	v6 := n.IPv6.Addr().As16()
	binary.BigEndian.PutUint64(v6[8:], uint64(host))
	return []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4(v4), 32), netip.PrefixFrom(netip.AddrFrom16(v6), 128)}
}

// pool is what the numbers depend on.
func (c Config) pool() records.TunnelPool {
	return records.TunnelPool{IPv4: c.IPv4Pool.Addr().String(), IPv4Bits: int64(c.IPv4Bits),
		IPv6: c.IPv6Pool.Addr().String(), TestNetworks: c.testNetworks()}
}

// lowestFree is the lowest host from first to last that is not in taken, which
// ascends; 0 when all are.
func lowestFree(taken []int64, first, last int64) int64 {
	free := first
	for _, host := range taken {
		if host == free {
			free++
		}
	}
	if free > last {
		return 0
	}
	return free
}
