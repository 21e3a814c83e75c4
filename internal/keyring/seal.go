package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"

	"yanma.dev/yanma/internal/core"
)

// A sealed field is
//
//	version 1 (1 byte) ‖ key id (2, big-endian) ‖ nonce (12, random) ‖ ciphertext ‖ tag (16)
//
// with the field's name as additional data, so that a value cannot be moved to
// another field. Version 1 is AES-256-GCM; requirement row 13 gets another.
const (
	sealVersion   = 1
	sealNonceSize = 12
	sealHeader    = 1 + 2 + sealNonceSize

	// SealOverhead is by how many bytes a sealed field is longer than its plaintext.
	SealOverhead = sealHeader + 16
)

// phoneField is the name under which SealPhone seals.
const phoneField = "phone"

// fieldKey is one AEAD with buffers for names: the interface makes them escape.
type fieldKey struct {
	id    uint16
	aead  cipher.AEAD
	names sync.Pool // of *[]byte
}

func newFieldKeys(entries []keyEntry) ([]*fieldKey, error) {
	keys := make([]*fieldKey, len(entries))
	for i, entry := range entries {
		block, err := aes.NewCipher(entry.Key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		keys[i] = &fieldKey{id: entry.ID, aead: aead}
		keys[i].names.New = func() any { return new(make([]byte, 0, 32)) }
	}
	return keys, nil
}

// Seal encrypts a field's value under the newest field key. field is the name
// of the column, and may go on with the row's id to bind the value to its row.
// It fails only when the random reader does.
//
// The nonces are random: rotate the field key before it has sealed 2³² values
// (NIST SP 800-38D §8.3), which is 16 days at 3,000 a second.
func (r *Ring) Seal(field string, plaintext []byte) ([]byte, error) {
	return r.AppendSeal(make([]byte, 0, len(plaintext)+SealOverhead), field, plaintext)
}

// AppendSeal is Seal into dst, which it returns grown by len(plaintext) +
// SealOverhead. plaintext must not lie in dst's spare capacity.
func (r *Ring) AppendSeal(dst []byte, field string, plaintext []byte) ([]byte, error) {
	start := len(dst)
	dst = slices.Grow(dst, len(plaintext)+SealOverhead)[:start+sealHeader]
	return r.sealInPlace(append(dst, plaintext...), start, field)
}

// SealPhone seals a number.
func (r *Ring) SealPhone(p core.Phone) ([]byte, error) {
	buf := make([]byte, sealHeader, len(p.E164())+SealOverhead)
	return r.sealInPlace(append(buf, p.E164()...), 0, phoneField)
}

// sealInPlace seals what follows the room for the header at start. On failure
// it wipes the plaintext.
func (r *Ring) sealInPlace(buf []byte, start int, field string) ([]byte, error) {
	key := r.current.Load().fields[0]
	header := buf[start : start+sealHeader]
	header[0] = sealVersion
	binary.BigEndian.PutUint16(header[1:3], key.id)
	nonce, plaintext := header[3:], buf[start+sealHeader:]
	if _, err := io.ReadFull(r.random, nonce); err != nil {
		clear(plaintext)
		return nil, fmt.Errorf("%w: %w", ErrNoRandom, err)
	}
	name := key.name(field)
	defer key.names.Put(name)
	return key.aead.Seal(buf[:start+sealHeader], nonce, plaintext, *name), nil
}

// Open decrypts what Seal made for the same field, under whichever key made
// it. Errors: ErrUnknownKey, ErrTampered (also for another field's value).
func (r *Ring) Open(field string, sealed []byte) ([]byte, error) {
	if len(sealed) < SealOverhead || sealed[0] != sealVersion {
		return nil, ErrTampered
	}
	id := binary.BigEndian.Uint16(sealed[1:3])
	key := r.current.Load().fieldKey(id)
	if key == nil && r.lookAgain() {
		key = r.current.Load().fieldKey(id)
	}
	if key == nil {
		return nil, ErrUnknownKey
	}
	name := key.name(field)
	defer key.names.Put(name)
	plaintext, err := key.aead.Open(nil, sealed[3:sealHeader], sealed[sealHeader:], *name)
	if err != nil {
		return nil, ErrTampered
	}
	return plaintext, nil
}

// OpenPhone opens what SealPhone made. Errors as Open.
func (r *Ring) OpenPhone(sealed []byte) (core.Phone, error) {
	e164, err := r.Open(phoneField, sealed)
	if err != nil {
		return core.Phone{}, err
	}
	return core.PhoneFromE164(string(e164)), nil
}

// SealedUnder is the id of the key that a value is sealed under, so that a job
// can find the values to seal again before RetireFieldKey; false when it is no
// sealed value.
func SealedUnder(sealed []byte) (id uint16, ok bool) {
	if len(sealed) < SealOverhead || sealed[0] != sealVersion {
		return 0, false
	}
	return binary.BigEndian.Uint16(sealed[1:3]), true
}

func (s *snapshot) fieldKey(id uint16) *fieldKey {
	for _, key := range s.fields {
		if key.id == id {
			return key
		}
	}
	return nil
}

func (k *fieldKey) name(field string) *[]byte {
	name := k.names.Get().(*[]byte)
	*name = append((*name)[:0], field...)
	return name
}
