package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"yanma.dev/yanma/internal/core"
)

// AliasKind keeps the ids of one kind from being read as those of another.
type AliasKind uint8

// The kinds, 1 to 7. A kind's number is for ever, like the ids made with it.
const (
	AliasUser   AliasKind = 1 // yb_uid: number is the user's id
	AliasDevice AliasKind = 2 // device_id: number is the device's id
	AliasCode   AliasKind = 3 // authenticationId: number is the verification's id

	aliasSubject AliasKind = 4 // sub of id tokens: see Subject
)

// aliasKinds is how many kinds have a key; the rest is room for tokens.
const aliasKinds = 8

// aliasKeys is one keyed permutation per kind; kind 0 has none.
type aliasKeys [aliasKinds]cipher.Block

func newAliasKeys(secret []byte) (keys aliasKeys, err error) {
	for kind := 1; kind < aliasKinds; kind++ {
		key, err := hkdf.Key(sha256.New, secret, nil, "yanma alias kind "+strconv.Itoa(kind), keySize)
		if err != nil {
			return keys, err
		}
		if keys[kind], err = aes.NewCipher(key); err != nil {
			return keys, err
		}
	}
	return keys, nil
}

// Alias is the public id of a row as one app sees it: AES-256 of the single
// block tenant (4 bytes) ‖ app (4) ‖ number (8), under a key of the kind.
//
// No table is needed: the id carries where the row is, so a request that has
// nothing but the id is answered by primary key, and the same row always has
// the same id in one app and another one in the next (contracts/yunbox.md §1.1).
//
// It cannot be guessed: under an unknown key AES is as good as a random
// permutation of 2¹²⁸ values, so the ids of existing rows look like that many
// random draws without repetition, however regular the numbers inside are,
// and a guess hits one with rows ÷ 2¹²⁸.
//
// The key never rotates: customers keep these ids for ever, and under another
// key each would name nothing. It panics on a kind that is not declared.
func (r *Ring) Alias(kind AliasKind, tenant core.TenantID, app core.AppID, number int64) [16]byte {
	var id [16]byte
	binary.BigEndian.PutUint32(id[0:4], uint32(tenant))
	binary.BigEndian.PutUint32(id[4:8], uint32(app))
	binary.BigEndian.PutUint64(id[8:16], uint64(number))
	r.current.Load().aliases[kind].Encrypt(id[:], id[:])
	return id
}

// OpenAlias is the inverse of Alias. ok is false for what Alias never makes of
// a row: tenant or app zero, number not positive. Of random ids about half
// pass that, so ok does not mean that the row exists: the caller looks the
// number up and compares the tenant and the app that it belongs to.
func (r *Ring) OpenAlias(kind AliasKind, id [16]byte) (tenant core.TenantID, app core.AppID, number int64, ok bool) {
	if kind == 0 || kind >= aliasKinds {
		return 0, 0, 0, false
	}
	r.current.Load().aliases[kind].Decrypt(id[:], id[:])
	tenant = core.TenantID(binary.BigEndian.Uint32(id[0:4]))
	app = core.AppID(binary.BigEndian.Uint32(id[4:8]))
	number = int64(binary.BigEndian.Uint64(id[8:16]))
	if tenant == 0 || app == 0 || number <= 0 {
		return 0, 0, 0, false
	}
	return tenant, app, number, true
}

// Subject is who somebody is to one client: the same bytes for ever, others for
// the next client, and nothing that who can be found out from (contracts/camara.md
// §4.2). It is AES-256 of half a SHA-256 of both, under a key that never rotates.
func (r *Ring) Subject(client, who string) [16]byte {
	sum := sha256.Sum256([]byte(strconv.Itoa(len(client)) + " " + client + " " + who))
	var id [16]byte
	r.current.Load().aliases[aliasSubject].Encrypt(id[:], sum[:16])
	return id
}
