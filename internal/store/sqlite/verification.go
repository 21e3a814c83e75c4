package sqlite

import (
	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

const verificationColumns = "id, tenant, app, purpose, channel, state, wrong, idx_a, idx_b, expires, code_key, code_salt, code_mac, message, claim, claim_until, held"

type verificationStatements struct {
	byID, insert, progress, replace, remove *zsqlite.Stmt
	live                                    sideStatements
}

func prepareVerifications(p *preparer) verificationStatements {
	const table = "verification"
	const find = "SELECT " + verificationColumns + " FROM verification INDEXED BY verification_live_"
	const where = " WHERE app = ? AND purpose = ? AND state IN (0, 1) AND "
	return verificationStatements{
		byID:     p.stmt("SELECT " + verificationColumns + " FROM verification WHERE id = ?"),
		insert:   p.insert(table, verificationColumns),
		progress: p.update(table, 1, "id, state, wrong, claim, claim_until, held"),
		replace:  p.update(table, 1, verificationColumns),
		remove:   p.stmt("DELETE FROM verification WHERE id = ?"),
		live: sideStatements{
			a:    p.stmt(find + "a" + where + "idx_a = ? ORDER BY id"),
			b:    p.stmt(find + "b" + where + "idx_b = ? ORDER BY id"),
			anyA: p.stmt("SELECT 1 FROM verification INDEXED BY verification_live_a WHERE state IN (0, 1) AND idx_a IS NOT NULL LIMIT 1"),
			anyB: p.stmt("SELECT 1 FROM verification INDEXED BY verification_live_b WHERE state IN (0, 1) AND idx_b IS NOT NULL LIMIT 1"),
		},
	}
}

func (s *verificationStatements) load(b *store.Batch) error {
	if err := s.loadLive(b); err != nil {
		return err
	}
	return loadByKey(s.byID, b.Verifications.Wanted(), bindID[core.VerificationID], func(_ core.VerificationID, row columns) {
		b.LoadedVerification(scanVerification(row))
	})
}

func (s *verificationStatements) loadLive(b *store.Batch) error {
	wanted := b.Live.Wanted()
	sides, err := s.live.inUse(len(wanted))
	if err != nil {
		return err
	}
	for i := range wanted {
		k := &wanted[i]
		for _, side := range sides {
			p := bind(side)
			p.int(int64(k.App))
			p.int(int64(k.Purpose))
			p.side(&k.Index)
			if err := p.rows(func(row columns) { b.LoadedVerification(scanVerification(row)) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *verificationStatements) write(b *store.Batch) error {
	return writeSet(&b.Verifications,
		remover(s.remove, bindID[core.VerificationID]),
		s.update,
		func(v *store.Verification) error { return writeVerification(s.insert, v) })
}

// update writes the columns that a code's life changes; the rest, and with it
// the keys of both indexes, only when one of them is another.
func (s *verificationStatements) update(was, is *store.Verification) error {
	rest := *was
	rest.State, rest.Wrong, rest.Claim, rest.ClaimUntil, rest.Held = is.State, is.Wrong, is.Claim, is.ClaimUntil, is.Held
	rest.Index.ByB = is.Index.ByB
	if rest != *is {
		return writeVerification(s.replace, is)
	}
	p := bind(s.progress)
	p.int(int64(is.ID))
	p.int(int64(is.State))
	p.int(int64(is.Wrong))
	p.int(is.Claim)
	p.time(is.ClaimUntil)
	p.int(int64(is.Held))
	return p.run()
}

func writeVerification(stmt *zsqlite.Stmt, v *store.Verification) error {
	p := bind(stmt)
	p.int(int64(v.ID))
	p.int(int64(v.Tenant))
	p.int(int64(v.App))
	p.int(int64(v.Purpose))
	p.int(int64(v.Channel))
	p.int(int64(v.State))
	p.int(int64(v.Wrong))
	p.side(&v.Index.A)
	p.side(&v.Index.B)
	p.time(v.Expires)
	p.int(int64(v.CodeKey))
	p.bytes(v.CodeSalt[:])
	p.bytes(v.CodeMAC[:])
	p.int(int64(v.Message))
	p.int(v.Claim)
	p.time(v.ClaimUntil)
	p.int(int64(v.Held))
	return p.run()
}

func scanVerification(c columns) (v store.Verification) {
	v.ID = core.VerificationID(c.int())
	v.Tenant = core.TenantID(c.int())
	v.App = core.AppID(c.int())
	v.Purpose = core.Purpose(c.int())
	v.Channel = core.Channel(c.int())
	v.State = store.VerificationState(c.int())
	v.Wrong = uint8(c.int())
	v.Index = c.index()
	v.Expires = c.time()
	v.CodeKey = uint16(c.int())
	c.into(v.CodeSalt[:])
	c.into(v.CodeMAC[:])
	v.Message = core.MessageID(c.int())
	v.Claim = c.int()
	v.ClaimUntil = c.time()
	v.Held = core.Credits(c.int())
	return v
}
