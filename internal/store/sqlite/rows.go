package sqlite

import (
	"fmt"
	"strings"

	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// rowStatements are the prepared statements of batches, a struct a kind. Each
// statement is stepped once a row: inside one process that is faster than any
// statement over many rows.
type rowStatements struct {
	verifications verificationStatements
	failures      failureStatements
	users         userStatements
	aliases       aliasStatements
	known         knownStatements
	accounts      accountStatements
	ledger        ledgerStatements
	messages      messageStatements
	receipts      receiptStatements
	orphans       orphanStatements
	calls         callStatements
	proofs        proofStatements
	passes        passStatements
	checks        checkStatements
	events        eventStatements
	spends        spendStatements
	sessions      sessionStatements
	logins        loginStatements
	profiles      profileStatements
	journal       *zsqlite.Stmt
}

func prepareRows(c *zsqlite.Conn) (*rowStatements, error) {
	p := &preparer{conn: c}
	r := &rowStatements{
		verifications: prepareVerifications(p),
		failures:      prepareFailures(p),
		users:         prepareUsers(p),
		aliases:       prepareAliases(p),
		known:         prepareKnown(p),
		accounts:      prepareAccounts(p),
		ledger:        prepareLedger(p),
		messages:      prepareMessages(p),
		receipts:      prepareReceipts(p),
		orphans:       prepareOrphans(p),
		calls:         prepareCalls(p),
		proofs:        prepareProofs(p),
		passes:        preparePasses(p),
		checks:        prepareChecks(p),
		events:        prepareEvents(p),
		spends:        prepareSpends(p),
		sessions:      prepareSessions(p),
		logins:        prepareLogins(p),
		profiles:      prepareProfiles(p),
		journal:       p.stmt("INSERT INTO journal (at, data) VALUES (?, ?)"),
	}
	return r, p.err
}

func (r *rowStatements) load(b *store.Batch) error {
	for _, load := range [...]func(*store.Batch) error{
		r.verifications.load, r.failures.load, r.users.load, r.aliases.load, r.known.load,
		r.accounts.load, r.ledger.load, r.messages.load, r.receipts.load, r.orphans.load, r.calls.load,
		r.proofs.load, r.passes.load, r.checks.load, r.events.load, r.spends.load, r.sessions.load, r.logins.load, r.profiles.load,
	} {
		if err := load(b); err != nil {
			return err
		}
	}
	return nil
}

// write changes what is there before it inserts, kind by kind: the keys of one
// kind never depend on another kind.
func (r *rowStatements) write(b *store.Batch) error {
	for _, write := range [...]func(*store.Batch) error{
		r.verifications.write, r.failures.write, r.users.write, r.aliases.write, r.known.write,
		r.accounts.write, r.ledger.write, r.messages.write, r.receipts.write, r.orphans.write, r.calls.write,
		r.proofs.write, r.passes.write, r.checks.write, r.events.write, r.spends.write, r.sessions.write, r.logins.write, r.profiles.write,
	} {
		if err := write(b); err != nil {
			return err
		}
	}
	events := b.Journal()
	if len(events) == 0 {
		return nil
	}
	p := bind(r.journal)
	p.int(int64(b.Now))
	p.bytes(events)
	return p.run()
}

// rowWriter writes the rows of one kind. Update leaves the columns alone that a
// row keeps for life; keeps tells whether it kept them.
type rowWriter[K comparable, R any] struct {
	remove func(K) error
	update func(was, is *R) error
	insert func(*R) error
	key    func(*R) K // needed when keeps can say no
	keeps  func(was, is *R) bool
}

// keepsAll is for kinds whose update writes every column but the key.
func keepsAll[R any](_, _ *R) bool { return true }

// writeSet writes one kind: what goes, what changed, what is new. A row whose
// lasting columns changed is removed and written anew, so that a unique key may
// move from one row to another in either order.
func writeSet[K comparable, R any](s *store.Set[K, R], w rowWriter[K, R]) error {
	if err := s.Deleted(w.remove); err != nil {
		return err
	}
	anew := false
	err := s.Updated(func(was, is *R) error {
		if w.keeps(was, is) {
			return nil
		}
		anew = true
		return w.remove(w.key(is))
	})
	if err != nil {
		return err
	}
	err = s.Updated(func(was, is *R) error {
		if anew && !w.keeps(was, is) {
			return w.insert(is)
		}
		return w.update(was, is)
	})
	if err != nil {
		return err
	}
	return s.Inserted(w.insert)
}

// preparer prepares statements and remembers the first error.
type preparer struct {
	conn *zsqlite.Conn
	err  error
}

func (p *preparer) stmt(sql string) *zsqlite.Stmt {
	if p.err != nil {
		return nil
	}
	var stmt *zsqlite.Stmt
	stmt, p.err = p.conn.Prepare(sql)
	return stmt
}

// insert prepares an insertion; columns are bound in their order.
func (p *preparer) insert(table, columns string) *zsqlite.Stmt {
	names := strings.Split(columns, ", ")
	return p.stmt(fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s)", table, columns, strings.Repeat(", ?", len(names)-1)))
}

// update prepares a change of some columns; they are bound in their order, the
// first keys of them being the row's key.
func (p *preparer) update(table string, keys int, columns string) *zsqlite.Stmt {
	names := strings.Split(columns, ", ")
	for i, name := range names {
		names[i] = fmt.Sprintf("%s = ?%d", name, i+1)
	}
	return p.stmt(fmt.Sprintf("UPDATE %s SET %s WHERE %s", table, strings.Join(names[keys:], ", "), strings.Join(names[:keys], " AND ")))
}

// parameters binds a statement's parameters from left to right.
type parameters struct {
	stmt *zsqlite.Stmt
	n    int
}

func bind(stmt *zsqlite.Stmt) parameters { return parameters{stmt: stmt} }

func (p *parameters) int(v int64)       { p.n++; p.stmt.BindInt64(p.n, v) }
func (p *parameters) bool(v bool)       { p.n++; p.stmt.BindBool(p.n, v) }
func (p *parameters) text(v string)     { p.n++; p.stmt.BindText(p.n, v) }
func (p *parameters) null()             { p.n++; p.stmt.BindNull(p.n) }
func (p *parameters) time(t store.Time) { p.int(int64(t)) }

// bytes binds a blob; nothing is NULL.
func (p *parameters) bytes(v []byte) {
	p.n++
	if len(v) == 0 {
		p.stmt.BindNull(p.n)
		return
	}
	p.stmt.BindBytes(p.n, v)
}

// side binds one side of a blind index; one that is not computed is NULL, so
// that it is in no index.
func (p *parameters) side(v *core.IndexValue) {
	if v.IsZero() {
		p.null()
		return
	}
	p.bytes(v[:])
}

// run executes a statement that answers nothing.
func (p *parameters) run() error { return run(p.stmt) }

// rows calls f for every row of the answer.
func (p *parameters) rows(f func(columns)) error {
	for {
		more, err := p.stmt.Step()
		if err != nil {
			return err
		}
		if !more {
			return p.stmt.Reset()
		}
		f(columns{stmt: p.stmt, n: -1})
	}
}

// loadByKey looks every key up by itself and hands over the rows that exist.
func loadByKey[K any](stmt *zsqlite.Stmt, wanted []K, bindKey func(*zsqlite.Stmt, K) parameters, loaded func(K, columns)) error {
	for _, k := range wanted {
		p := bindKey(stmt, k)
		found, err := p.stmt.Step()
		if err != nil {
			return err
		}
		if found {
			loaded(k, columns{stmt: stmt, n: -1})
		}
		if err := stmt.Reset(); err != nil {
			return err
		}
	}
	return nil
}

// remover deletes a row by its key.
func remover[K any](stmt *zsqlite.Stmt, bindKey func(*zsqlite.Stmt, K) parameters) func(K) error {
	return func(k K) error {
		p := bindKey(stmt, k)
		return p.run()
	}
}

// bindID binds the key of a row that has an id.
func bindID[K ~int64](stmt *zsqlite.Stmt, id K) parameters {
	p := bind(stmt)
	p.int(int64(id))
	return p
}

// columns reads a row's columns from left to right.
type columns struct {
	stmt *zsqlite.Stmt
	n    int
}

func (c *columns) int() int64       { c.n++; return c.stmt.ColumnInt64(c.n) }
func (c *columns) bool() bool       { c.n++; return c.stmt.ColumnInt64(c.n) != 0 }
func (c *columns) text() string     { c.n++; return c.stmt.ColumnText(c.n) }
func (c *columns) time() store.Time { return store.Time(c.int()) }
func (c *columns) bytes() []byte    { c.n++; return blob(c.stmt, c.n) }

// into reads a blob of a fixed size.
func (c *columns) into(b []byte) { c.n++; c.stmt.ColumnBytes(c.n, b) }

// index reads the two sides of a blind index.
func (c *columns) index() (x core.PhoneIndex) {
	c.into(x.A[:])
	c.into(x.B[:])
	return x
}
