package submail

import (
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/core"
)

// sessionLife is how long a page has to fetch and report a token
// (contracts/submail.md §9).
const sessionLife = 300 * time.Second

// A session is 16 bytes: the app, the second in which it ends, and a tag over
// both. Nothing is stored for it, so every node takes every node's sessions; it
// says which app's page reports a token, and nothing hangs on it but that.
const sessionTag = 8

func (d *dialect) newSession(app core.AppID) string {
	var raw [16]byte
	binary.BigEndian.PutUint32(raw[:4], uint32(app))
	binary.BigEndian.PutUint32(raw[4:8], uint32(d.Now().Add(sessionLife).Unix()))
	tag := d.sessionTags(raw[:8])[0]
	copy(raw[8:], tag[:sessionTag])
	return hex.EncodeToString(raw[:])
}

// appOfSession is the app of a session that has not ended.
func (d *dialect) appOfSession(session string) (core.AppID, bool) {
	var raw [16]byte
	if len(session) != hex.EncodedLen(len(raw)) {
		return 0, false
	}
	if _, err := hex.Decode(raw[:], []byte(session)); err != nil {
		return 0, false
	}
	genuine := 0
	for _, tag := range d.sessionTags(raw[:8]) {
		genuine |= subtle.ConstantTimeCompare(tag[:sessionTag], raw[8:])
	}
	ends := time.Unix(int64(binary.BigEndian.Uint32(raw[4:8])), 0)
	return core.AppID(binary.BigEndian.Uint32(raw[:4])), genuine == 1 && d.Now().Before(ends)
}

func (d *dialect) sessionTags(what []byte) [][32]byte {
	return d.Keys.TokenHashes(fmt.Sprintf("vfmobile session %x", what))
}
