package verify

import (
	"cmp"
	"slices"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Counters is a command that reads the wrong-try counters of a number in an
// app, for every purpose and scope, and clears them if it is told to: the
// operator's way to bind a number anew that was locked or disabled
// (contracts/README.md §5). A code that died stays dead.
type Counters struct {
	App   core.AppID
	Index core.PhoneIndex
	Clear bool

	Found []store.Failure // result: as they were, by purpose and scope
}

func (c *Counters) keys() []store.FailureKey {
	var keys []store.FailureKey
	for _, purpose := range core.Purposes() {
		keys = append(keys, store.FailureKey{App: c.App, Purpose: purpose, Index: c.Index.Lookup()})
	}
	return keys
}

// Want names the counters.
func (c *Counters) Want(b *store.Batch) {
	for _, key := range c.keys() {
		b.FailureOf.Want(key)
	}
}

// Decide reads them, and deletes the rows.
func (c *Counters) Decide(b *store.Batch) error {
	c.Found = nil
	for _, key := range c.keys() {
		for _, id := range b.FailureOf.Find(key) {
			// The batch may have changed what led to a row.
			f, ok := b.Failures.Get(id)
			if !ok || f.App != key.App || f.Purpose != key.Purpose || f.Index.A != key.Index && f.Index.B != key.Index {
				continue
			}
			c.Found = append(c.Found, f)
			if c.Clear {
				b.Failures.Delete(id)
			}
		}
	}
	slices.SortFunc(c.Found, func(f, g store.Failure) int {
		return cmp.Or(cmp.Compare(f.Purpose, g.Purpose), cmp.Compare(f.Scope, g.Scope))
	})
	return nil
}
