package sqlite

import (
	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/store"
)

type callStatements struct{ byKey, insert, update, remove *zsqlite.Stmt }

func prepareCalls(p *preparer) callStatements {
	const columns = "key_hash, body_hash, ref, status, answer, expires"
	return callStatements{
		byKey:  p.stmt("SELECT body_hash, ref, status, answer, expires FROM idempotency WHERE key_hash = ?"),
		insert: p.insert("idempotency", columns),
		update: p.update("idempotency", 1, columns),
		remove: p.stmt("DELETE FROM idempotency WHERE key_hash = ?"),
	}
}

func bindCall(stmt *zsqlite.Stmt, k store.CallKey) parameters {
	p := bind(stmt)
	p.bytes(k[:])
	return p
}

func (s *callStatements) load(b *store.Batch) error {
	return loadByKey(s.byKey, b.Calls.Wanted(), bindCall, func(k store.CallKey, row columns) {
		call := store.Call{Key: k}
		row.into(call.Body[:])
		call.Ref, call.Status, call.Answer, call.Expires = row.int(), uint16(row.int()), row.bytes(), row.time()
		b.Calls.Loaded(k, call)
	})
}

func (s *callStatements) write(b *store.Batch) error {
	return writeSet(&b.Calls, rowWriter[store.CallKey, store.Call]{
		remove: remover(s.remove, bindCall),
		update: func(_, c *store.Call) error { return putCall(s.update, c) },
		insert: func(c *store.Call) error { return putCall(s.insert, c) },
		keeps:  keepsAll[store.Call],
	})
}

func putCall(stmt *zsqlite.Stmt, c *store.Call) error {
	p := bindCall(stmt, c.Key)
	p.bytes(c.Body[:])
	p.int(c.Ref)
	p.int(int64(c.Status))
	p.bytes(c.Answer)
	p.time(c.Expires)
	return p.run()
}
