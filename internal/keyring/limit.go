package keyring

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"

	"yanma.dev/yanma/internal/core"
)

// What the limit key is used for: the first byte of each message.
const (
	limitOfPhone = 1
	limitOfBytes = 2
)

// limitKey makes the subjects of counters. It is apart from the index key, so
// that a rotation of the index leaves every counter where it is.
type limitKey struct {
	mac        *macKey
	base, name uint64 // secret halves of LimitMix
}

func newLimitKey(secret []byte) (limitKey, error) {
	mix, err := hkdf.Key(sha256.New, secret, nil, "yanma limit mix 1", 16)
	if err != nil {
		return limitKey{}, err
	}
	return limitKey{
		mac:  newMACKey(keyEntry{Key: secret}),
		base: binary.BigEndian.Uint64(mix[:8]),
		name: binary.BigEndian.Uint64(mix[8:]),
	}, nil
}

// PhoneBase is a number's 64 keyed bits, from which LimitMix makes the
// subjects of all its counters: one HMAC a request.
func (r *Ring) PhoneBase(p core.Phone) uint64 {
	return first64(r.current.Load().limit.mac.of(limitOfPhone, p.E164()))
}

// LimitMix makes the subject of one counter: the kind of limit, and the app,
// tenant or whatever it is counted in (0 for the whole installation). With the
// same base no two counters share a subject, and in one counter no two bases.
func (r *Ring) LimitMix(base uint64, kind uint8, scope uint32) uint64 {
	k := r.current.Load().limit
	return mix64(base + k.base + mix64(uint64(kind)<<32|uint64(scope)^k.name))
}

// LimitSubject is the subject of one counter of a number. It is stable for the
// life of the installation.
func (r *Ring) LimitSubject(kind uint8, scope uint32, p core.Phone) uint64 {
	return r.LimitMix(r.PhoneBase(p), kind, scope)
}

// LimitSubjectBytes is LimitSubject for what is no number, such as an address.
func (r *Ring) LimitSubjectBytes(kind uint8, scope uint32, b []byte) uint64 {
	k := r.current.Load().limit.mac
	m := k.begin()
	m.buf = append(append(m.buf, limitOfBytes), b...)
	return r.LimitMix(first64(k.end(m)), kind, scope)
}

func first64(sum [sha256.Size]byte) uint64 { return binary.BigEndian.Uint64(sum[:8]) }

// mix64 is the output function of SplitMix64: a permutation of 64 bits in
// which every input bit changes about half of the output bits.
func mix64(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
