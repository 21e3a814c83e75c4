package sqlite

import (
	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/store"
)

type passStatements struct{ byKey, insert, update, remove *zsqlite.Stmt }

func preparePasses(p *preparer) passStatements {
	const columns = "key_hash, pass, parts, expires, until"
	return passStatements{
		byKey:  p.stmt("SELECT pass, parts, expires, until FROM captcha_pass WHERE key_hash = ?"),
		insert: p.insert("captcha_pass", columns),
		update: p.update("captcha_pass", 1, columns),
		remove: p.stmt("DELETE FROM captcha_pass WHERE key_hash = ?"),
	}
}

func bindPass(stmt *zsqlite.Stmt, k store.PassKey) parameters {
	p := bind(stmt)
	p.bytes(k[:])
	return p
}

func (s *passStatements) load(b *store.Batch) error {
	return loadByKey(s.byKey, b.Passes.Wanted(), bindPass, func(k store.PassKey, c columns) {
		pass := store.CaptchaPass{Key: k}
		c.into(pass.Pass[:])
		pass.Parts, pass.Expires, pass.Until = uint8(c.int()), c.time(), c.time()
		b.Passes.Loaded(k, pass)
	})
}

func (s *passStatements) write(b *store.Batch) error {
	return writeSet(&b.Passes, rowWriter[store.PassKey, store.CaptchaPass]{
		remove: remover(s.remove, bindPass),
		update: func(_, n *store.CaptchaPass) error { return putPass(s.update, n) },
		insert: func(n *store.CaptchaPass) error { return putPass(s.insert, n) },
		keeps:  keepsAll[store.CaptchaPass],
	})
}

func putPass(stmt *zsqlite.Stmt, n *store.CaptchaPass) error {
	p := bindPass(stmt, n.Key)
	p.bytes(n.Pass[:])
	p.int(int64(n.Parts))
	p.time(n.Expires)
	p.time(n.Until)
	return p.run()
}
