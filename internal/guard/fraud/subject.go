package fraud

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"yanma.dev/yanma/internal/core"
)

// Subject is what one request is about. What is not known stays zero and is not
// judged.
type Subject struct {
	Tenant  core.TenantID
	App     core.AppID
	Country string     // ISO 3166 region, such as CN
	Prefix  uint64     // PrefixOf the number
	IP      netip.Addr // the end user's
	Number  uint64     // keyed bits of the number (keyring's PhoneBase)
	Channel core.Channel
	Purpose core.Purpose

	Challenged  bool // a challenge was solved in this request
	Elsewhere   bool // the caller made the code and may compare it himself: judged by what others did, not counted as sent
	AllowListed bool // always allowed, whatever the engine's own lists say
	Record      bool // this app only records what would be done
}

// Kind is a kind of subject that is counted.
type Kind uint8

// The kinds. Numbers and countries are counted by tenant, so that nobody can
// have another tenant's numbers refused; addresses by app (requirement row 24).
const (
	Country Kind = 1 // of a tenant
	Prefix  Kind = 2 // leading digits of numbers, of a tenant
	App     Kind = 3
	Range4  Kind = 4 // an IPv4 /24, of an app
	Range6  Kind = 5 // an IPv6 /64, of an app
	Wide4   Kind = 6 // an IPv4 /16, of an app
	Wide6   Kind = 7 // an IPv6 /48, of an app

	kinds = 8
)

var kindNames = [kinds]string{Country: "country", Prefix: "prefix", App: "app", Range4: "range", Range6: "range", Wide4: "wide", Wide6: "wide"}

// String is the kind's word in logs and metrics.
func (k Kind) String() string {
	if int(k) >= len(kindNames) || kindNames[k] == "" {
		return "unknown"
	}
	return kindNames[k]
}

// Key names one subject. It holds no number and no whole IPv4 address.
type Key struct {
	Kind  Kind
	Scope uint32 // the tenant of a country or prefix, the app of all others
	Value uint64
}

// String describes the subject for an operator.
func (k Key) String() string {
	switch k.Kind {
	case Country:
		return fmt.Sprintf("country %c%c of tenant %d", byte(k.Value>>8), byte(k.Value), k.Scope)
	case Prefix:
		return fmt.Sprintf("prefix +%d of tenant %d", k.Value, k.Scope)
	case App:
		return fmt.Sprintf("app %d", k.Scope)
	case Range4, Range6, Wide4, Wide6:
		return fmt.Sprintf("%s of app %d", k.network(), k.Scope)
	}
	return "nothing"
}

// network is the address range of a key.
func (k Key) network() netip.Prefix {
	var b4 [4]byte
	var b16 [16]byte
	switch k.Kind {
	case Range4:
		binary.BigEndian.PutUint32(b4[:], uint32(k.Value)<<8)
		return netip.PrefixFrom(netip.AddrFrom4(b4), 24)
	case Wide4:
		binary.BigEndian.PutUint32(b4[:], uint32(k.Value)<<16)
		return netip.PrefixFrom(netip.AddrFrom4(b4), 16)
	case Range6:
		binary.BigEndian.PutUint64(b16[:8], k.Value)
		return netip.PrefixFrom(netip.AddrFrom16(b16), 64)
	case Wide6:
		binary.BigEndian.PutUint64(b16[:8], k.Value<<16)
		return netip.PrefixFrom(netip.AddrFrom16(b16), 48)
	default:
		return netip.Prefix{}
	}
}

// mostKeys is how many subjects one request has at most.
const mostKeys = 5

// keys are the subjects of a request; the last ones are its address ranges.
type keys struct {
	n   int
	all [mostKeys]Key
}

func (k *keys) add(kind Kind, scope uint32, value uint64) {
	k.all[k.n] = Key{Kind: kind, Scope: scope, Value: value}
	k.n++
}

// sendKeys are what a code that is sent counts against.
func (s *Subject) sendKeys() (k keys) {
	if len(s.Country) == 2 {
		k.add(Country, uint32(s.Tenant), uint64(s.Country[0])<<8|uint64(s.Country[1]))
	}
	if s.Prefix != 0 {
		k.add(Prefix, uint32(s.Tenant), s.Prefix)
	}
	s.checkKeys(&k)
	return k
}

// checkKeys are what a code that is checked counts against (requirement row
// 24): the app and the address.
func (s *Subject) checkKeys(k *keys) {
	if s.App != 0 {
		k.add(App, uint32(s.App), 0)
	}
	ip := s.IP.Unmap()
	switch {
	case ip.Is4():
		b := ip.As4()
		address := uint64(binary.BigEndian.Uint32(b[:]))
		k.add(Range4, uint32(s.App), address>>8)
		k.add(Wide4, uint32(s.App), address>>16)
	case ip.Is6():
		b := ip.As16()
		high := binary.BigEndian.Uint64(b[:8])
		k.add(Range6, uint32(s.App), high)
		k.add(Wide6, uint32(s.App), high>>16)
	}
}

// Of a number at most prefixDigits leading digits are a prefix, and at least
// hiddenDigits stay out of it: a prefix is never a person.
const (
	prefixDigits = 7
	hiddenDigits = 5
)

// PrefixOf is the leading digits of a number as a decimal number: of +86 138
// 0013 8000 it is 8613800, a million numbers of one carrier. Numbering plans hand out
// blocks by such prefixes, and those who are paid for messages own blocks. It is
// 0 for what is no number.
func PrefixOf(p core.Phone) uint64 {
	digits := strings.TrimPrefix(p.E164(), "+")
	n := min(prefixDigits, len(digits)-hiddenDigits)
	value := uint64(0)
	for i := range max(n, 0) {
		value = value*10 + uint64(digits[i]-'0')
	}
	return value
}
