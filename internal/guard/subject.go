package guard

import (
	"encoding/binary"
	"net/netip"

	"yanma.dev/yanma/internal/core"
)

// Subjects is the part of keyring that limits need: a keyed mix of a base (a
// number's keyed hash, an address, an id), the rule's kind and its scope.
type Subjects interface {
	LimitMix(base uint64, kind uint8, scope uint32) uint64
}

// SendSubject is whom a send concerns.
type SendSubject struct {
	Keys    Subjects
	Phone   uint64 // keyring's PhoneBase of the number
	App     core.AppID
	Tenant  core.TenantID
	IP      netip.Addr // the end user's address; invalid when none is known
	Content uint64     // ContentOf the text; 0 for codes, whose texts never repeat
}

// SendBuckets appends the buckets of one send to dst (contracts/README.md §6).
// Every façade uses it, so that the same send counts the same everywhere.
func (r Rules) SendBuckets(dst []Bucket, s SendSubject) []Bucket {
	dst = r.NumberApp.For(dst, s.Keys, s.Phone, uint32(s.App))
	dst = r.NumberTenant.For(dst, s.Keys, s.Phone, uint32(s.Tenant))
	dst = r.NumberInstallation.For(dst, s.Keys, s.Phone, 0)
	if s.Content != 0 {
		dst = r.Content.For(dst, s.Keys, s.Phone^s.Content, uint32(s.App))
	}
	return r.IPSend.ForIP(dst, s.Keys, s.IP, uint32(s.App))
}

// For appends the rule's bucket for a base within a scope (an app, a tenant, or
// 0 for the installation). A rule that is off (nil) appends nothing.
func (r *Rule) For(dst []Bucket, keys Subjects, base uint64, scope uint32) []Bucket {
	if r == nil {
		return dst
	}
	return append(dst, Bucket{Subject: keys.LimitMix(base, r.Kind, scope), Rule: r})
}

// network marks the kinds of IPv4 networks, so that 192.0.2.0 and 192.0.2.0/24
// are two subjects.
const network = 0x80

// ForIP appends the rule's buckets for an address: an IPv4 address and its /24,
// or an IPv6 /64 (contracts/README.md §3.3). An invalid address appends nothing.
func (r *Rule) ForIP(dst []Bucket, keys Subjects, ip netip.Addr, scope uint32) []Bucket {
	if r == nil || !ip.IsValid() {
		return dst
	}
	ip = ip.Unmap()
	if ip.Is4() {
		b := ip.As4()
		address := uint64(binary.BigEndian.Uint32(b[:]))
		return append(dst,
			Bucket{Subject: keys.LimitMix(address, r.Kind, scope), Rule: r},
			Bucket{Subject: keys.LimitMix(address>>8, r.Kind|network, scope), Rule: r})
	}
	b := ip.As16()
	return append(dst, Bucket{Subject: keys.LimitMix(binary.BigEndian.Uint64(b[:8]), r.Kind, scope), Rule: r})
}

// ContentOf is what makes two texts the same for the content rule (requirement
// row 17): FNV-1a, 64 bits. It is never 0 and never leaves the process unkeyed.
func ContentOf(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(text); i++ {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return max(h, 1)
}
