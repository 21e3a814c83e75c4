package keyring

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

// RotateCodeKey makes a new pepper. Codes that are alive keep verifying.
func (r *Ring) RotateCodeKey() error {
	return r.change(func(c *contents) error { return c.addKey(r.random, &c.CodeKeys, algHMAC) })
}

// RetireCodeKeys keeps the newest peppers, at least one, and drops the rest:
// codes signed under those are wrong from then on. Keep what was in use within
// the longest life of a code (contracts/README.md §5).
func (r *Ring) RetireCodeKeys(keep int) error {
	return r.change(func(c *contents) error { return keepNewest(&c.CodeKeys, keep) })
}

// RotateFieldKey makes a new field key. What is sealed stays readable; a job
// seals it again before RetireFieldKey (see SealedUnder).
func (r *Ring) RotateFieldKey() error {
	return r.change(func(c *contents) error { return c.addKey(r.random, &c.FieldKeys, algGCM) })
}

// RetireFieldKey drops an old field key. Everything still sealed under it is
// lost for ever. Errors: ErrKeyInUse for the newest, ErrNoSuchKey.
func (r *Ring) RetireFieldKey(id uint16) error {
	return r.change(func(c *contents) error {
		switch i := slices.IndexFunc(c.FieldKeys, func(k keyEntry) bool { return k.ID == id }); i {
		case -1:
			return ErrNoSuchKey
		case 0:
			return ErrKeyInUse
		default:
			c.FieldKeys = slices.Delete(c.FieldKeys, i, i+1)
			return nil
		}
	})
}

// RetireFieldKeys keeps the newest field keys, at least one, as RetireFieldKey
// drops one.
func (r *Ring) RetireFieldKeys(keep int) error {
	return r.change(func(c *contents) error { return keepNewest(&c.FieldKeys, keep) })
}

// CodeKeyIDs lists the peppers, newest first.
func (r *Ring) CodeKeyIDs() []uint16 { return idsOf(r.current.Load().contents.CodeKeys) }

// FieldKeyIDs lists the field keys, newest first.
func (r *Ring) FieldKeyIDs() []uint16 { return idsOf(r.current.Load().contents.FieldKeys) }

// TokenKeyIDs lists the token keys, newest first: the order of TokenHashes.
func (r *Ring) TokenKeyIDs() []uint16 { return idsOf(r.current.Load().contents.TokenKeys) }

func idsOf(entries []keyEntry) []uint16 {
	ids := make([]uint16, len(entries))
	for i, entry := range entries {
		ids[i] = entry.ID
	}
	return ids
}

// RotateTokenKey makes a new token key. Old tokens are found by the later ones
// of TokenHashes.
func (r *Ring) RotateTokenKey() error {
	return r.change(func(c *contents) error { return c.addKey(r.random, &c.TokenKeys, algHMAC) })
}

// RetireTokenKeys keeps the newest token keys, at least one: tokens stored
// under the others are unknown from then on.
func (r *Ring) RetireTokenKeys(keep int) error {
	return r.change(func(c *contents) error { return keepNewest(&c.TokenKeys, keep) })
}

// BeginIndexRotation makes a key for the other side: from now on Index gives
// both sides, and rows are found by the old one. The order of work is at
// IndexPhase. Error: ErrIndexState unless the phase is IndexSteady.
func (r *Ring) BeginIndexRotation() error {
	return r.change(func(c *contents) error {
		if err := c.Index.require(phaseSteady); err != nil {
			return err
		}
		entry, err := c.newKey(r.random, algHMAC)
		if err != nil {
			return err
		}
		if c.Index.ByB {
			c.Index.A = &entry
		} else {
			c.Index.B = &entry
		}
		c.Index.Phase = phaseDual
		return nil
	})
}

// SwapIndex finds rows by the new side from now on; both are still written.
// Every row must have its new side by now: one that lacks it is not found any
// more. Error: ErrIndexState unless the phase is IndexDual.
func (r *Ring) SwapIndex() error {
	return r.change(func(c *contents) error {
		if err := c.Index.require(phaseDual); err != nil {
			return err
		}
		c.Index.ByB = !c.Index.ByB
		c.Index.Phase = phaseSwapped
		return nil
	})
}

// FinishIndexRotation drops the old side's key. Error: ErrIndexState unless
// the phase is IndexSwapped.
func (r *Ring) FinishIndexRotation() error {
	return r.change(func(c *contents) error {
		if err := c.Index.require(phaseSwapped); err != nil {
			return err
		}
		if c.Index.ByB {
			c.Index.A = nil
		} else {
			c.Index.B = nil
		}
		c.Index.Phase = phaseSteady
		return nil
	})
}

func (x indexEntry) require(phase string) error {
	if x.Phase != phase {
		return fmt.Errorf("%w: it is %s, must be %s", ErrIndexState, x.Phase, phase)
	}
	return nil
}

// change edits a copy of the contents, puts it on disk, and only then lets the
// process use it. An error leaves the process with the keys it had.
func (r *Ring) change(edit func(*contents) error) error {
	r.rotating.Lock()
	defer r.rotating.Unlock()
	next := r.current.Load().contents.clone()
	if err := edit(&next); err != nil {
		return err
	}
	next.Generation++
	s, err := newSnapshot(next)
	if err != nil {
		return err
	}
	if err := r.persist(next); err != nil {
		return err
	}
	r.current.Store(s)
	return nil
}

// persist replaces the file, unless another process has.
func (r *Ring) persist(c contents) error {
	data, err := c.encode()
	if err != nil {
		return err
	}
	found, err := r.disk.read(r.path)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", r.path, ErrNotWritten, withoutPath(err))
	}
	if !slices.Contains(r.onDisk, sha256.Sum256(found)) {
		return ErrChangedOnDisk
	}
	// From here on the disk may hold it, whatever the error says.
	r.onDisk = append(r.onDisk, sha256.Sum256(data))
	if err := replace(r.disk, r.path, data); err != nil {
		return fmt.Errorf("%s: %w: %w", r.path, ErrNotWritten, withoutPath(err))
	}
	r.onDisk = r.onDisk[len(r.onDisk)-1:]
	return nil
}

// keepNewest cuts the list; it copies, so that the dropped keys are garbage.
func keepNewest(keys *[]keyEntry, keep int) error {
	if keep < 1 {
		return ErrKeyInUse
	}
	*keys = slices.Clone((*keys)[:min(keep, len(*keys))])
	return nil
}
