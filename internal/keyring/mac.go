package keyring

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// macKey is HMAC-SHA-256 under one key. Its states are kept ready: making
// one hashes the key and allocates, using one does neither.
type macKey struct {
	id    uint16
	ready sync.Pool // of *mac
}

// mac is one computation: the caller appends the message to buf and takes sum.
type mac struct {
	state hash.Hash
	buf   []byte
	out   [sha256.Size]byte
}

func newMACKey(entry keyEntry) *macKey {
	key := entry.Key
	k := &macKey{id: entry.ID}
	k.ready.New = func() any { return &mac{state: hmac.New(sha256.New, key), buf: make([]byte, 0, 96)} }
	return k
}

func newMACKeys(entries []keyEntry) []*macKey {
	keys := make([]*macKey, len(entries))
	for i, entry := range entries {
		keys[i] = newMACKey(entry)
	}
	return keys
}

// begin gives a computation of an empty message.
func (k *macKey) begin() *mac {
	m := k.ready.Get().(*mac)
	m.buf = m.buf[:0]
	return m
}

// end computes the HMAC of the message and gives the computation back. It
// wipes the message, which holds a number or a code.
func (k *macKey) end(m *mac) [sha256.Size]byte {
	m.state.Reset()
	m.state.Write(m.buf)
	m.state.Sum(m.out[:0])
	sum := m.out
	clear(m.buf)
	k.ready.Put(m)
	return sum
}

// of is the HMAC of domain ‖ message; the domain keeps the uses of one key apart.
func (k *macKey) of(domain byte, message string) [sha256.Size]byte {
	m := k.begin()
	m.buf = append(append(m.buf, domain), message...)
	return k.end(m)
}
