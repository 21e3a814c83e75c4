package storetest

import (
	"context"
	"errors"
	"maps"
	"sync"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Memory is a database in maps, for property tests of commands: it keeps rows
// and finds them, and knows neither SQL nor constraints beyond ids.
type Memory struct {
	mu   sync.Mutex
	rows Rows
}

var _ store.Engine = (*Memory)(nil)

// Rows is everything that batches wrote.
type Rows struct {
	Verifications map[core.VerificationID]store.Verification
	Failures      map[core.FailureID]store.Failure
	Users         map[core.UserID]store.User
	Aliases       map[store.AliasKey]store.Alias
	Known         map[store.KnownKey]store.Known
	Accounts      map[store.AccountID]store.Account
	Ledger        map[core.LedgerID]store.Ledger
	Messages      map[core.MessageID]store.Message
	Receipts      map[store.ReceiptKey]store.ReceiptRef
	Orphans       map[store.ReceiptKey]store.Orphan
	Calls         map[store.CallKey]store.Call
	Proofs        map[store.ProofKey]store.NumberProof
	Passes        map[store.PassKey]store.CaptchaPass
	NumberChecks  map[core.NumberCheckID]store.NumberCheck
	Events        map[core.EventID]store.Event
	Spends        map[store.SpendKey]store.Spend
	Sessions      map[store.SessionKey]store.Session
	Logins        map[core.LoginID]store.LoginEvent
	Profiles      map[core.UserID]store.Profile
	Journal       [][]byte
}

// NewMemory returns an empty one.
func NewMemory() *Memory {
	return &Memory{rows: Rows{
		Verifications: map[core.VerificationID]store.Verification{}, Failures: map[core.FailureID]store.Failure{},
		Users: map[core.UserID]store.User{}, Aliases: map[store.AliasKey]store.Alias{}, Known: map[store.KnownKey]store.Known{},
		Accounts: map[store.AccountID]store.Account{}, Ledger: map[core.LedgerID]store.Ledger{},
		Messages: map[core.MessageID]store.Message{}, Receipts: map[store.ReceiptKey]store.ReceiptRef{},
		Orphans: map[store.ReceiptKey]store.Orphan{}, Calls: map[store.CallKey]store.Call{},
		Proofs: map[store.ProofKey]store.NumberProof{}, Passes: map[store.PassKey]store.CaptchaPass{}, NumberChecks: map[core.NumberCheckID]store.NumberCheck{}, Events: map[core.EventID]store.Event{},
		Spends:   map[store.SpendKey]store.Spend{},
		Sessions: map[store.SessionKey]store.Session{}, Logins: map[core.LoginID]store.LoginEvent{}, Profiles: map[core.UserID]store.Profile{}}}
}

// Rows is a copy of what is there.
func (m *Memory) Rows() Rows {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rows
	r.Verifications, r.Failures, r.Users = maps.Clone(r.Verifications), maps.Clone(r.Failures), maps.Clone(r.Users)
	r.Aliases, r.Known, r.Accounts = maps.Clone(r.Aliases), maps.Clone(r.Known), maps.Clone(r.Accounts)
	r.Ledger, r.Messages = maps.Clone(r.Ledger), maps.Clone(r.Messages)
	r.Receipts, r.Orphans, r.Calls, r.Events = maps.Clone(r.Receipts), maps.Clone(r.Orphans), maps.Clone(r.Calls), maps.Clone(r.Events)
	r.Sessions, r.Logins, r.Profiles = maps.Clone(r.Sessions), maps.Clone(r.Logins), maps.Clone(r.Profiles)
	r.Proofs, r.Passes, r.NumberChecks = maps.Clone(r.Proofs), maps.Clone(r.Passes), maps.Clone(r.NumberChecks)
	r.Spends = maps.Clone(r.Spends)
	return r
}

// Begin implements store.Engine.
func (m *Memory) Begin(context.Context) (store.Tx, error) { return &memoryTx{memory: m}, nil }

// Flush implements store.Engine: a commit is all there is.
func (m *Memory) Flush() error { return nil }

// View implements store.Engine: there is no SQL here.
func (m *Memory) View(context.Context, func(store.SQL) error) error { return errors.ErrUnsupported }

// Update implements store.Engine: there is no SQL here.
func (m *Memory) Update(context.Context, func(store.SQL) error) error { return errors.ErrUnsupported }

// Highest implements store.Engine.
func (m *Memory) Highest(context.Context) (int64, error) { return 0, nil }

// Close implements store.Engine.
func (m *Memory) Close() error { return nil }

type memoryTx struct {
	memory *Memory
	writes []func()
}

// Load implements store.Tx.
func (t *memoryTx) Load(_ context.Context, b *store.Batch) error {
	r := &t.memory.rows
	t.memory.mu.Lock()
	defer t.memory.mu.Unlock()
	for _, k := range b.Live.Wanted() {
		for _, v := range r.Verifications {
			if v.App == k.App && v.Purpose == k.Purpose && v.State.Live() && indexed(v.Index, k.Index) {
				b.LoadedVerification(v)
			}
		}
	}
	for _, k := range b.FailureOf.Wanted() {
		for _, f := range r.Failures {
			if f.App == k.App && f.Purpose == k.Purpose && indexed(f.Index, k.Index) {
				b.LoadedFailure(f)
			}
		}
	}
	for _, k := range b.UserOf.Wanted() {
		for _, u := range r.Users {
			if u.Tenant == k.Tenant && indexed(u.Index, k.Index) {
				b.LoadedUser(u)
			}
		}
	}
	for _, user := range b.SessionsOf.Wanted() {
		for _, s := range r.Sessions {
			if s.User == user {
				b.LoadedSession(s)
			}
		}
	}
	loadEach(b.Sessions.Wanted(), r.Sessions, func(_ store.SessionKey, s store.Session) { b.LoadedSession(s) })
	loadEach(b.Logins.Wanted(), r.Logins, b.Logins.Loaded)
	loadEach(b.Profiles.Wanted(), r.Profiles, b.Profiles.Loaded)
	loadEach(b.Verifications.Wanted(), r.Verifications, func(_ core.VerificationID, v store.Verification) { b.LoadedVerification(v) })
	loadEach(b.Failures.Wanted(), r.Failures, func(_ core.FailureID, f store.Failure) { b.LoadedFailure(f) })
	loadEach(b.Users.Wanted(), r.Users, func(_ core.UserID, u store.User) { b.LoadedUser(u) })
	loadEach(b.Aliases.Wanted(), r.Aliases, b.Aliases.Loaded)
	loadEach(b.Known.Wanted(), r.Known, b.Known.Loaded)
	loadEach(b.Accounts.Wanted(), r.Accounts, b.Accounts.Loaded)
	loadEach(b.Ledger.Wanted(), r.Ledger, b.Ledger.Loaded)
	loadEach(b.Messages.Wanted(), r.Messages, b.Messages.Loaded)
	loadEach(b.Receipts.Wanted(), r.Receipts, b.Receipts.Loaded)
	loadEach(b.Orphans.Wanted(), r.Orphans, b.Orphans.Loaded)
	loadEach(b.Calls.Wanted(), r.Calls, b.Calls.Loaded)
	loadEach(b.Proofs.Wanted(), r.Proofs, b.Proofs.Loaded)
	loadEach(b.Passes.Wanted(), r.Passes, b.Passes.Loaded)
	loadEach(b.NumberChecks.Wanted(), r.NumberChecks, b.NumberChecks.Loaded)
	loadEach(b.Events.Wanted(), r.Events, b.Events.Loaded)
	loadEach(b.Spends.Wanted(), r.Spends, b.Spends.Loaded)
	b.LoadDone()
	return nil
}

func indexed(x core.PhoneIndex, v core.IndexValue) bool { return !v.IsZero() && (x.A == v || x.B == v) }

func loadEach[K comparable, R any](wanted []K, rows map[K]R, loaded func(K, R)) {
	for _, k := range wanted {
		if row, ok := rows[k]; ok {
			loaded(k, row)
		}
	}
}

// Write implements store.Tx.
func (t *memoryTx) Write(_ context.Context, b *store.Batch) error {
	r := &t.memory.rows
	t.memory.mu.Lock()
	defer t.memory.mu.Unlock()
	if journal := b.Journal(); len(journal) > 0 {
		row := append([]byte(nil), journal...)
		t.writes = append(t.writes, func() { r.Journal = append(r.Journal, row) })
	}
	return errors.Join(
		writeEach(t, &b.Verifications, r.Verifications, func(v *store.Verification) core.VerificationID { return v.ID }),
		writeEach(t, &b.Failures, r.Failures, func(f *store.Failure) core.FailureID { return f.ID }),
		writeEach(t, &b.Users, r.Users, func(u *store.User) core.UserID { return u.ID }),
		writeEach(t, &b.Aliases, r.Aliases, func(a *store.Alias) store.AliasKey { return store.AliasKey{App: a.App, User: a.User} }),
		writeEach(t, &b.Known, r.Known, func(k *store.Known) store.KnownKey { return k.Key }),
		writeEach(t, &b.Accounts, r.Accounts, func(a *store.Account) store.AccountID { return a.ID }),
		writeEach(t, &b.Ledger, r.Ledger, func(l *store.Ledger) core.LedgerID { return l.ID }),
		writeEach(t, &b.Messages, r.Messages, func(m *store.Message) core.MessageID { return m.ID }),
		writeEach(t, &b.Receipts, r.Receipts, func(x *store.ReceiptRef) store.ReceiptKey { return x.Key }),
		writeEach(t, &b.Orphans, r.Orphans, func(o *store.Orphan) store.ReceiptKey { return o.Key }),
		writeEach(t, &b.Calls, r.Calls, func(c *store.Call) store.CallKey { return c.Key }),
		writeEach(t, &b.Passes, r.Passes, func(p *store.CaptchaPass) store.PassKey { return p.Key }),
		writeEach(t, &b.Proofs, r.Proofs, func(p *store.NumberProof) store.ProofKey { return p.Key }),
		writeEach(t, &b.NumberChecks, r.NumberChecks, func(n *store.NumberCheck) core.NumberCheckID { return n.ID }),
		writeEach(t, &b.Sessions, r.Sessions, func(s *store.Session) store.SessionKey { return s.Key }),
		writeEach(t, &b.Logins, r.Logins, func(e *store.LoginEvent) core.LoginID { return e.ID }),
		writeEach(t, &b.Profiles, r.Profiles, func(p *store.Profile) core.UserID { return p.User }),
		writeEach(t, &b.Spends, r.Spends, func(s *store.Spend) store.SpendKey { return s.Key }),
		writeEach(t, &b.Events, r.Events, func(e *store.Event) core.EventID { return e.ID }))
}

func writeEach[K comparable, R any](t *memoryTx, s *store.Set[K, R], rows map[K]R, key func(*R) K) error {
	put := func(r *R) {
		row := *r
		t.writes = append(t.writes, func() { rows[key(&row)] = row })
	}
	return errors.Join(
		s.Deleted(func(k K) error {
			t.writes = append(t.writes, func() { delete(rows, k) })
			return nil
		}),
		s.Updated(func(_, is *R) error { put(is); return nil }),
		s.Inserted(func(r *R) error {
			if _, exists := rows[key(r)]; exists {
				return store.ErrUnique
			}
			put(r)
			return nil
		}))
}

// Commit implements store.Tx.
func (t *memoryTx) Commit(context.Context) error {
	t.memory.mu.Lock()
	defer t.memory.mu.Unlock()
	for _, write := range t.writes {
		write()
	}
	return nil
}

// Rollback implements store.Tx.
func (t *memoryTx) Rollback() {}
