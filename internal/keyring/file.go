package keyring

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"yanma.dev/yanma/internal/core"
)

// format is the version of the file. Any new member needs a new one, because
// an older program would drop the member when it rotates.
const format = 1

// keySize is the size of every key in bytes.
const keySize = 32

// warning is what somebody who opens the file should read first.
const warning = "SECRET. Keep it at mode 0600, back it up apart from the database, never edit it: the database cannot be read without it."

// The algorithms a key can be for. Others join with requirement row 13.
const (
	algHMAC = "hmac-sha256"
	algGCM  = "aes-256-gcm"
)

// contents is the file. A published value is never changed; rotations edit a clone.
type contents struct {
	Format       int        `json:"format"`
	Warning      string     `json:"warning"`
	Installation string     `json:"installation"` // 26 characters; the database holds it too
	Created      time.Time  `json:"created"`
	Generation   uint64     `json:"generation"` // counts changes, from 1
	NextKey      uint32     `json:"next_key"`   // a key number is never given twice
	CodeKeys     []keyEntry `json:"code_keys"`  // newest first, here and below
	FieldKeys    []keyEntry `json:"field_keys"`
	TokenKeys    []keyEntry `json:"token_keys"`
	Index        indexEntry `json:"index"`
	IDKey        []byte     `json:"id_key"`
	LimitKey     []byte     `json:"limit_key"`
	Sum          string     `json:"sum"` // SHA-256 of all of the above; finds damage, proves nothing
}

// keyEntry is one key that rotates.
type keyEntry struct {
	ID  uint16 `json:"id"`
	Alg string `json:"alg"`
	Key []byte `json:"key"`
}

// indexEntry is the blind index: one key a side, and which side finds rows.
type indexEntry struct {
	Phase string    `json:"phase"`
	ByB   bool      `json:"by_b"`
	A     *keyEntry `json:"a,omitempty"`
	B     *keyEntry `json:"b,omitempty"`
}

// newContents draws every key of a new installation.
func newContents(random io.Reader, now time.Time) (contents, error) {
	c := contents{
		Format:     format,
		Warning:    warning,
		Created:    now.UTC().Truncate(time.Second),
		Generation: 1,
		NextKey:    1,
		Index:      indexEntry{Phase: phaseSteady},
	}
	installation, err := draw(random, 16)
	if err != nil {
		return contents{}, err
	}
	c.Installation = core.EncodeID128([16]byte(installation))
	index, err := c.newKey(random, algHMAC)
	if err != nil {
		return contents{}, err
	}
	c.Index.A = &index
	if err := errors.Join(
		c.addKey(random, &c.CodeKeys, algHMAC),
		c.addKey(random, &c.FieldKeys, algGCM),
		c.addKey(random, &c.TokenKeys, algHMAC),
	); err != nil {
		return contents{}, err
	}
	if c.IDKey, err = draw(random, keySize); err != nil {
		return contents{}, err
	}
	c.LimitKey, err = draw(random, keySize)
	return c, err
}

// addKey puts a new key in front of a list.
func (c *contents) addKey(random io.Reader, keys *[]keyEntry, alg string) error {
	entry, err := c.newKey(random, alg)
	if err != nil {
		return err
	}
	*keys = slices.Insert(*keys, 0, entry)
	return nil
}

func (c *contents) newKey(random io.Reader, alg string) (keyEntry, error) {
	if c.NextKey > math.MaxUint16 {
		return keyEntry{}, ErrKeysUsedUp
	}
	key, err := draw(random, keySize)
	if err != nil {
		return keyEntry{}, err
	}
	c.NextKey++
	return keyEntry{ID: uint16(c.NextKey - 1), Alg: alg, Key: key}, nil
}

func draw(random io.Reader, size int) ([]byte, error) {
	b := make([]byte, size)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoRandom, err)
	}
	return b, nil
}

// encode writes the file, with a fresh sum.
func (c contents) encode() ([]byte, error) {
	sum, err := c.computeSum()
	if err != nil {
		return nil, err
	}
	c.Sum = sum
	data, err := json.MarshalIndent(c, "", "  ")
	return append(data, '\n'), err
}

func (c contents) computeSum() (string, error) {
	c.Sum = ""
	data, err := json.Marshal(c)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

// decode reads a file. Its errors name no content: the JSON package's own do.
func decode(data []byte) (contents, error) {
	var version struct {
		Format int `json:"format"`
	}
	if json.Unmarshal(data, &version) != nil {
		return contents{}, ErrDamaged
	}
	if version.Format > format {
		return contents{}, ErrNewer
	}
	var c contents
	if json.Unmarshal(data, &c) != nil {
		return contents{}, ErrDamaged
	}
	if sum, err := c.computeSum(); err != nil || sum != c.Sum || !c.complete() {
		return contents{}, ErrDamaged
	}
	return c, nil
}

// complete tells whether every key is there and has a number below NextKey.
func (c contents) complete() bool {
	_, idOK := core.DecodeID128(c.Installation)
	return c.Format == format && idOK && c.Generation > 0 &&
		c.listOK(c.CodeKeys, algHMAC) && c.listOK(c.FieldKeys, algGCM) && c.listOK(c.TokenKeys, algHMAC) &&
		c.indexOK() && len(c.IDKey) == keySize && len(c.LimitKey) == keySize
}

func (c contents) listOK(keys []keyEntry, alg string) bool {
	for i, k := range keys {
		sameID := func(other keyEntry) bool { return other.ID == k.ID }
		if !c.keyOK(k, alg) || slices.ContainsFunc(keys[:i], sameID) {
			return false
		}
	}
	return len(keys) > 0
}

func (c contents) keyOK(k keyEntry, alg string) bool {
	return k.ID > 0 && uint32(k.ID) < c.NextKey && k.Alg == alg && len(k.Key) == keySize
}

func (c contents) indexOK() bool {
	for _, side := range []*keyEntry{c.Index.A, c.Index.B} {
		if side != nil && !c.keyOK(*side, algHMAC) {
			return false
		}
	}
	both := c.Index.A != nil && c.Index.B != nil
	switch c.Index.Phase {
	case phaseSteady:
		return !both && c.Index.lookup() != nil
	case phaseDual, phaseSwapped:
		return both
	}
	return false
}

// lookup is the key of the side that finds rows.
func (x indexEntry) lookup() *keyEntry {
	if x.ByB {
		return x.B
	}
	return x.A
}

// clone copies what rotations edit; the keys themselves are shared.
func (c contents) clone() contents {
	c.CodeKeys = slices.Clone(c.CodeKeys)
	c.FieldKeys = slices.Clone(c.FieldKeys)
	c.TokenKeys = slices.Clone(c.TokenKeys)
	return c
}
