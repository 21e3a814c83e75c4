package keyring

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"

	"yanma.dev/yanma/internal/core"
)

// CodeContext is what a code is bound to (contracts/README.md §5,
// requirement row 6): under any other context the same digits are wrong.
type CodeContext struct {
	Verification core.VerificationID
	App          core.AppID
	Purpose      core.Purpose
	Phone        core.Phone
}

// CodeTag is what is stored in place of a code. Without the pepper, which is
// not in the database, its million possible codes cannot be tried.
type CodeTag struct {
	Key  uint16   // which pepper; 0 is none
	Salt [8]byte  // random, of this code alone
	MAC  [32]byte // HMAC-SHA-256(pepper, salt ‖ length of context ‖ context ‖ code)
}

// fixedContext is the length of a context without its number: verification 8,
// app 4, purpose 1 byte.
const fixedContext = 8 + 4 + 1

// SignCode makes the tag of a new code under the newest pepper. It fails only
// when the random reader does.
func (r *Ring) SignCode(c CodeContext, code core.Code) (CodeTag, error) {
	key := r.current.Load().codes[0]
	tag := CodeTag{Key: key.id}
	m := key.begin()
	m.buf = append(m.buf, tag.Salt[:]...) // read into buf: reading into tag would move it to the heap
	if _, err := io.ReadFull(r.random, m.buf); err != nil {
		key.end(m)
		return CodeTag{}, fmt.Errorf("%w: %w", ErrNoRandom, err)
	}
	tag.Salt = [8]byte(m.buf)
	m.appendCode(c, code)
	tag.MAC = key.end(m)
	return tag, nil
}

// CheckCode tells whether guess is the code that tag was made for in the very
// same context. It takes the same time for every wrong guess, and also when
// the tag's pepper is not in the keyring (requirement row 9).
func (r *Ring) CheckCode(c CodeContext, tag CodeTag, guess core.Code) bool {
	key, known := r.current.Load().codeKey(tag.Key)
	if known == 0 && tag.Key != 0 && r.lookAgain() {
		key, known = r.current.Load().codeKey(tag.Key)
	}
	m := key.begin()
	m.buf = append(m.buf, tag.Salt[:]...)
	m.appendCode(c, guess)
	sum := key.end(m)
	return subtle.ConstantTimeCompare(sum[:], tag.MAC[:])&known == 1
}

// CheckAbsent does the work of CheckCode where no code is alive, so that its
// absence cannot be timed (requirement row 9). It is always false.
func (r *Ring) CheckAbsent(c CodeContext, guess core.Code) bool {
	return r.CheckCode(c, CodeTag{}, guess)
}

// codeKey finds a pepper and 1, or gives the newest one and 0.
func (s *snapshot) codeKey(id uint16) (key *macKey, known int) {
	key = s.codes[0]
	for _, k := range s.codes {
		if k.id == id {
			key, known = k, 1
		}
	}
	return key, known
}

// appendCode appends length of context ‖ context ‖ code. The length makes
// number and code unmistakable: both are digits.
func (m *mac) appendCode(c CodeContext, code core.Code) {
	phone := c.Phone.E164()
	m.buf = binary.BigEndian.AppendUint16(m.buf, uint16(fixedContext+len(phone)))
	m.buf = binary.BigEndian.AppendUint64(m.buf, uint64(c.Verification))
	m.buf = binary.BigEndian.AppendUint32(m.buf, uint32(c.App))
	m.buf = append(m.buf, byte(c.Purpose))
	m.buf = append(m.buf, phone...)
	m.buf = append(m.buf, code.Digits()...)
}
