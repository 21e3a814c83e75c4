package sqlite

import (
	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

const verificationColumns = "id, tenant, app, purpose, channel, state, wrong, idx_a, idx_b, expires, code_key, code_salt, code_mac, message, claim, claim_until, held, tenant_pays"

type verificationStatements struct {
	byID, insert, update, remove *zsqlite.Stmt
	live                         sideStatements
}

func prepareVerifications(p *preparer) verificationStatements {
	const table = "verification"
	const find = "SELECT " + verificationColumns + " FROM verification INDEXED BY verification_live_"
	const where = " WHERE app = ? AND purpose = ? AND state IN (0, 1) AND "
	return verificationStatements{
		byID:   p.stmt("SELECT " + verificationColumns + " FROM verification WHERE id = ?"),
		insert: p.insert(table, verificationColumns+", room"),
		update: p.update(table, 1, "id, state, wrong, claim, claim_until, held, tenant_pays, room"),
		remove: p.stmt("DELETE FROM verification WHERE id = ?"),
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
	return writeSet(&b.Verifications, rowWriter[core.VerificationID, store.Verification]{
		remove: remover(s.remove, bindID[core.VerificationID]),
		update: s.writeProgress,
		insert: s.writeNew,
		key:    func(v *store.Verification) core.VerificationID { return v.ID },
		keeps:  keepsVerification,
	})
}

// keepsVerification tells whether nothing changed but what a code's life
// changes; so the keys of both indexes are the same.
func keepsVerification(was, is *store.Verification) bool {
	rest := *was
	rest.State, rest.Wrong, rest.Claim, rest.ClaimUntil = is.State, is.Wrong, is.Claim, is.ClaimUntil
	rest.Held, rest.TenantPays = is.Held, is.TenantPays
	rest.Index.ByB = is.Index.ByB
	return rest == *is
}

func (s *verificationStatements) writeProgress(_, v *store.Verification) error {
	p := bindID(s.update, v.ID)
	p.int(int64(v.State))
	p.int(int64(v.Wrong))
	p.int(v.Claim)
	p.time(v.ClaimUntil)
	p.int(int64(v.Held))
	p.bool(v.TenantPays)
	bindVerificationRoom(&p, v)
	return p.run()
}

func bindVerificationRoom(p *parameters, v *store.Verification) {
	p.bytes(room(verificationRoom, intSize(int64(v.State))+intSize(int64(v.Wrong))))
}

func (s *verificationStatements) writeNew(v *store.Verification) error {
	p := bind(s.insert)
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
	p.bool(v.TenantPays)
	bindVerificationRoom(&p, v)
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
	v.TenantPays = c.bool()
	return v
}
