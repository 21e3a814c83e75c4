package postgres

import (
	"slices"

	"yanma.dev/yanma/internal/store"
)

// Two batches on different nodes may look for the same row, find nothing and
// both insert one. Where a unique key forbids the second, that is enough.
// (For receipts that come before their message see meeting.go.) The live codes
// of a number have none: it may have several (jsms), but in other dialects a
// new one supersedes the older. Two nodes that send to one number at once would
// leave two live codes, because neither sees the other's.
//
// So a batch that may add a live code first locks its number's slot, a row of
// key_lock, and only then looks: in READ COMMITTED the look-up is a statement of
// its own and sees everything that the slot's former owner committed. A slot
// stands for many keys; two batches that share one by chance wait for each
// other, nothing more. The table is never written. Row locks are used because
// every relative of PostgreSQL has them; advisory locks are not among what all
// of them document.

// slots is how many rows key_lock has. All nodes must agree: it is part of the
// migration.
const slots = 1 << 16

func newKeyLocks(c *catalogue) *statement {
	return c.add("SELECT t.id FROM unnest($1::bigint[]) AS n (id) JOIN key_lock AS t ON t.id = n.id ORDER BY t.id FOR UPDATE OF t",
		column{"id", "bigint"})
}

// wantsKeys tells whether lockKeys has anything to lock.
func wantsKeys(b *store.Batch) bool { return len(b.Live.Adding()) > 0 }

// lockKeys locks the slots of the keys that the batch looks for now.
func (s *statements) lockKeys(q *request, b *store.Batch, round int) {
	slots := s.slots[:0]
	live := b.Live.Adding()
	for i := range live {
		slots = append(slots, liveSlot(&live[i]))
	}
	if round == 1 {
		slots = append(slots, s.again...)
	} else {
		s.next = append(s.next, slots...)
	}
	s.slots = slots
	slices.Sort(slots)
	p := q.bind(s.locks)
	for _, slot := range slices.Compact(slots) {
		p.int(slot)
	}
	q.send(nil)
}

func liveSlot(k *store.LiveKey) int64 {
	h := hash(offset, byte(k.Purpose), byte(k.App), byte(k.App>>8), byte(k.App>>16), byte(k.App>>24))
	return hash(h, k.Index[:]...).slot()
}

// fnv is the FNV-1a hash; offset is its beginning. Nodes of different versions
// work on one database: it must stay what it is.
type fnv uint64

const offset fnv = 14695981039346656037

func hash(h fnv, data ...byte) fnv {
	for _, b := range data {
		h = (h ^ fnv(b)) * 1099511628211
	}
	return h
}

func (h fnv) slot() int64 { return int64((h ^ h>>16 ^ h>>32 ^ h>>48) % slots) }
