package sqlite

import (
	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

type proofStatements struct{ byKey, insert, update, remove *zsqlite.Stmt }

func prepareProofs(p *preparer) proofStatements {
	const columns = "key_hash, app, carrier, expires, check_id, until"
	return proofStatements{
		byKey:  p.stmt("SELECT app, carrier, expires, check_id, until FROM number_proof WHERE key_hash = ?"),
		insert: p.insert("number_proof", columns),
		update: p.update("number_proof", 1, columns),
		remove: p.stmt("DELETE FROM number_proof WHERE key_hash = ?"),
	}
}

func bindProof(stmt *zsqlite.Stmt, k store.ProofKey) parameters {
	p := bind(stmt)
	p.bytes(k[:])
	return p
}

func (s *proofStatements) load(b *store.Batch) error {
	return loadByKey(s.byKey, b.Proofs.Wanted(), bindProof, func(k store.ProofKey, c columns) {
		b.Proofs.Loaded(k, store.NumberProof{Key: k, App: core.AppID(c.int()), Carrier: uint8(c.int()), Expires: c.time(),
			Check: core.NumberCheckID(c.int()), Until: c.time()})
	})
}

func (s *proofStatements) write(b *store.Batch) error {
	return writeSet(&b.Proofs, rowWriter[store.ProofKey, store.NumberProof]{
		remove: remover(s.remove, bindProof),
		update: func(_, n *store.NumberProof) error { return putProof(s.update, n) },
		insert: func(n *store.NumberProof) error { return putProof(s.insert, n) },
		keeps:  keepsAll[store.NumberProof],
	})
}

func putProof(stmt *zsqlite.Stmt, n *store.NumberProof) error {
	p := bindProof(stmt, n.Key)
	p.int(int64(n.App))
	p.int(int64(n.Carrier))
	p.time(n.Expires)
	p.int(int64(n.Check))
	p.time(n.Until)
	return p.run()
}

// The columns that an answer changes, and before them all others.
const (
	checkAnswer  = "state, money, gateway, code, reference, counted, latency, due, updated"
	checkColumns = "id, tenant, app, kind, carrier, tenant_pays, price, idx_a, idx_b, phone, phone_hash, " + checkAnswer
)

// updateAll is for rows whose number became known, or was sealed anew: to name
// a side moves the row in its index, even to where it was.
type checkStatements struct{ byID, insert, update, updateAll, remove *zsqlite.Stmt }

func prepareChecks(p *preparer) checkStatements {
	return checkStatements{
		byID:      p.stmt("SELECT " + checkColumns + " FROM number_check WHERE id = ?"),
		insert:    p.insert("number_check", checkColumns),
		update:    p.update("number_check", 1, "id, "+checkAnswer),
		updateAll: p.update("number_check", 1, checkColumns),
		remove:    p.stmt("DELETE FROM number_check WHERE id = ?"),
	}
}

func (s *checkStatements) load(b *store.Batch) error {
	return loadByKey(s.byID, b.NumberChecks.Wanted(), bindID[core.NumberCheckID], func(id core.NumberCheckID, row columns) {
		b.NumberChecks.Loaded(id, scanCheck(row))
	})
}

func (s *checkStatements) write(b *store.Batch) error {
	return writeSet(&b.NumberChecks, rowWriter[core.NumberCheckID, store.NumberCheck]{
		remove: remover(s.remove, bindID[core.NumberCheckID]),
		update: func(was, is *store.NumberCheck) error {
			if !store.SameQuestion(was, is) {
				return putCheck(s.updateAll, is)
			}
			p := bindID(s.update, is.ID)
			bindAnswer(&p, is)
			return p.run()
		},
		insert: func(n *store.NumberCheck) error { return putCheck(s.insert, n) },
		keeps:  keepsAll[store.NumberCheck],
	})
}

func putCheck(stmt *zsqlite.Stmt, n *store.NumberCheck) error {
	p := bindID(stmt, n.ID)
	p.int(int64(n.Tenant))
	p.int(int64(n.App))
	p.int(int64(n.Kind))
	p.int(int64(n.Carrier))
	p.bool(n.TenantPays)
	p.int(int64(n.Price))
	p.side(&n.Index.A)
	p.side(&n.Index.B)
	p.bytes(n.Phone)
	p.bytes(n.Hash)
	bindAnswer(&p, n)
	return p.run()
}

func bindAnswer(p *parameters, n *store.NumberCheck) {
	p.int(int64(n.State))
	p.int(int64(n.Money))
	p.text(n.Gateway)
	p.text(n.Code)
	p.text(n.Reference)
	p.bool(n.Counted)
	p.int(int64(n.Latency))
	if n.Due == 0 {
		p.null() // in no index
	} else {
		p.time(n.Due)
	}
	p.time(n.Updated)
}

func scanCheck(c columns) (n store.NumberCheck) {
	n.ID = core.NumberCheckID(c.int())
	n.Tenant = core.TenantID(c.int())
	n.App = core.AppID(c.int())
	n.Kind = uint8(c.int())
	n.Carrier = uint8(c.int())
	n.TenantPays = c.bool()
	n.Price = core.Credits(c.int())
	n.Index = c.index()
	n.Phone = c.bytes()
	n.Hash = c.bytes()
	n.State = store.NumberCheckState(c.int())
	n.Money = store.Money(c.int())
	n.Gateway = c.text()
	n.Code = c.text()
	n.Reference = c.text()
	n.Counted = c.bool()
	n.Latency = uint32(c.int())
	n.Due = c.time()
	n.Updated = c.time()
	return n
}
