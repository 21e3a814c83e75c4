package idempotency

import (
	"crypto/subtle"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// What a row's status says where it is not the HTTP status of an answer.
const (
	begun    = 0
	noted    = 1   // what Note writes is on disk
	answered = 100 // and above
)

// begin notes a call that is new, and reads one that is not.
type begin struct {
	keys   []store.CallKey // under every token key, the newest first
	bodies [][32]byte
	ref    int64

	row   store.Call // result
	found bool       // result
}

// Want names the call's row under every token key.
func (c *begin) Want(b *store.Batch) {
	for _, key := range c.keys {
		b.Calls.Want(key)
	}
}

// Decide refuses with KindMalformed when the key was used with another call.
func (c *begin) Decide(b *store.Batch) error {
	c.row, c.found = store.Call{}, false
	for _, key := range c.keys {
		row, ok := b.Calls.Get(key)
		if !ok || row.Expires <= b.Now {
			continue
		}
		if !anyEqual(c.bodies, row.Body) {
			return core.E(core.KindMalformed, "the Idempotency-Key was used with another request")
		}
		c.row, c.found = row, true
		return nil
	}
	c.row = store.Call{Key: c.keys[0], Body: c.bodies[0], Ref: c.ref, Status: begun, Expires: b.Now.Add(Life)}
	b.Calls.Put(c.row.Key, c.row)
	return nil
}

func anyEqual(hashes [][32]byte, want [32]byte) bool {
	equal := 0
	for i := range hashes {
		equal |= subtle.ConstantTimeCompare(hashes[i][:], want[:])
	}
	return equal == 1
}

// around is a command and the note of its answer.
type around struct {
	store.Command
	call   *Call
	status int
	answer func() []byte
}

// Want names what the command names, and the call's row.
func (c *around) Want(b *store.Batch) {
	b.Calls.Want(c.call.row.Key)
	c.Command.Want(b)
}

// Decide refuses with ErrAnswered, or as the command does. A row that is gone
// was forgotten by another node, which had no effect: it is written anew.
func (c *around) Decide(b *store.Batch) error {
	t := c.call
	if row, ok := b.Calls.Get(t.row.Key); ok && row.Status >= answered && b.Now < row.Expires {
		if row.Body != t.row.Body {
			return core.E(core.KindMalformed, "the Idempotency-Key was used with another request meanwhile")
		}
		answer, err := t.calls.Keys.Open(answerField, row.Answer)
		if err != nil {
			return err
		}
		t.row, t.answer = row, answer
		return ErrAnswered
	}
	if err := c.Command.Decide(b); err != nil {
		return err
	}
	body := c.answer()
	if body == nil {
		return nil
	}
	sealed, err := t.calls.Keys.Seal(answerField, body)
	if err != nil {
		return err
	}
	row := t.row
	row.Status, row.Answer = uint16(c.status), sealed
	b.Calls.Put(row.Key, row)
	return nil
}

// release forgets a call, unless somebody answered it.
type release struct{ row store.Call }

// Want names the call's row.
func (c *release) Want(b *store.Batch) { b.Calls.Want(c.row.Key) }

// Decide leaves a row alone that is another call's.
func (c *release) Decide(b *store.Batch) error {
	if row, ok := b.Calls.Get(c.row.Key); ok && row.Ref == c.row.Ref && row.Status < answered {
		b.Calls.Delete(row.Key)
	}
	return nil
}
