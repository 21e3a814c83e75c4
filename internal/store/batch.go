package store

import (
	"cmp"
	"slices"

	"yanma.dev/yanma/internal/core"
)

// Batch is the working set of one commit: every row that its commands named,
// as they are now. Commands read and change it; an engine fills and writes it.
type Batch struct {
	// Now is the instant of the batch: one clock reading for all its commands.
	Now Time

	Verifications Set[core.VerificationID, Verification]
	Live          Finder[LiveKey, core.VerificationID] // pending and claimed ones
	Failures      Set[core.FailureID, Failure]
	FailureOf     Finder[FailureKey, core.FailureID]
	Users         Set[core.UserID, User]
	UserOf        Finder[UserKey, core.UserID]
	Aliases       Set[AliasKey, Alias]
	Known         Set[KnownKey, Known]
	Accounts      Set[AccountID, Account]
	Ledger        Set[core.LedgerID, Ledger]
	Messages      Set[core.MessageID, Message]
	Receipts      Set[ReceiptKey, ReceiptRef]
	Orphans       Set[ReceiptKey, Orphan]
	Calls         Set[CallKey, Call]
	Proofs        Set[ProofKey, NumberProof]
	Passes        Set[PassKey, CaptchaPass]
	NumberChecks  Set[core.NumberCheckID, NumberCheck]
	Events        Set[core.EventID, Event]
	Spends        Set[SpendKey, Spend]
	Sessions      Set[SessionKey, Session]
	SessionsOf    Finder[core.UserID, SessionKey]
	Logins        Set[core.LoginID, LoginEvent]
	Profiles      Set[core.UserID, Profile]

	journal     []byte // limiter events of the accepted commands
	journalMark int
}

type workingSet interface {
	loadedAll()
	waits() bool
	reset()
}

type undoSet interface {
	changed() bool
	keep()
	takeBack()
}

// PutVerification stores v and makes it findable in this batch.
func (b *Batch) PutVerification(v Verification) {
	b.Verifications.Put(v.ID, v)
	b.findVerification(v)
}

// LoadedVerification hands over a row from the engine.
func (b *Batch) LoadedVerification(v Verification) {
	b.Verifications.Loaded(v.ID, v)
	b.findVerification(v)
}

func (b *Batch) findVerification(v Verification) {
	for _, side := range [...]core.IndexValue{v.Index.A, v.Index.B} {
		if !side.IsZero() {
			b.Live.Add(LiveKey{App: v.App, Purpose: v.Purpose, Index: side}, v.ID)
		}
	}
}

// LiveVerifications are the pending and claimed codes of a number as the batch
// sees them now, oldest first.
func (b *Batch) LiveVerifications(k LiveKey) []Verification {
	var live []Verification
	for _, id := range b.Live.Find(k) {
		if v, ok := b.Verifications.Get(id); ok && v.State.Live() && v.App == k.App && v.Purpose == k.Purpose && hasSide(&v.Index, k.Index) {
			live = append(live, v)
		}
	}
	// One that was loaded by its id stands before those of a later look-up.
	slices.SortFunc(live, func(v, w Verification) int { return cmp.Compare(v.ID, w.ID) })
	return live
}

// PutFailure stores f and makes it findable in this batch.
func (b *Batch) PutFailure(f Failure) {
	b.Failures.Put(f.ID, f)
	b.findFailure(f)
}

// LoadedFailure hands over a row from the engine.
func (b *Batch) LoadedFailure(f Failure) {
	b.Failures.Loaded(f.ID, f)
	b.findFailure(f)
}

func (b *Batch) findFailure(f Failure) {
	for _, side := range [...]core.IndexValue{f.Index.A, f.Index.B} {
		if !side.IsZero() {
			b.FailureOf.Add(FailureKey{App: f.App, Purpose: f.Purpose, Index: side}, f.ID)
		}
	}
}

// Failure gives the counters of a number in one scope; a look-up by key loads
// those of all scopes.
func (b *Batch) Failure(k FailureKey, scope uint64) (Failure, bool) {
	for _, id := range b.FailureOf.Find(k) {
		if f, ok := b.Failures.Get(id); ok && f.Scope == scope && f.App == k.App && f.Purpose == k.Purpose && hasSide(&f.Index, k.Index) {
			return f, true
		}
	}
	return Failure{}, false
}

// PutUser stores u and makes it findable in this batch.
func (b *Batch) PutUser(u User) {
	b.Users.Put(u.ID, u)
	b.findUser(u)
}

// LoadedUser hands over a row from the engine.
func (b *Batch) LoadedUser(u User) {
	b.Users.Loaded(u.ID, u)
	b.findUser(u)
}

func (b *Batch) findUser(u User) {
	for _, side := range [...]core.IndexValue{u.Index.A, u.Index.B} {
		if !side.IsZero() {
			b.UserOf.Add(UserKey{Tenant: u.Tenant, Index: side}, u.ID)
		}
	}
}

// User gives the user of a number.
func (b *Batch) User(k UserKey) (User, bool) {
	for _, id := range b.UserOf.Find(k) {
		if u, ok := b.Users.Get(id); ok && u.Tenant == k.Tenant && hasSide(&u.Index, k.Index) {
			return u, true
		}
	}
	return User{}, false
}

// hasSide tells whether a row still has the value that led to it: a command may
// have changed it since, or a refusal may have taken such a change back.
func hasSide(x *core.PhoneIndex, v core.IndexValue) bool { return x.A == v || x.B == v }

// AppendJournal adds limiter events that are written with the batch if the
// command is accepted.
func (b *Batch) AppendJournal(events []byte) { b.journal = append(b.journal, events...) }

// Journal is the limiter events of all accepted commands: one row, or none.
func (b *Batch) Journal() []byte { return b.journal }

// Begin readies the batch for new commands at an instant. Memory is reused.
func (b *Batch) Begin(now Time) {
	b.Now = now
	b.journal, b.journalMark = b.journal[:0], 0
	for _, s := range b.sets() {
		s.reset()
	}
}

// Waits tells whether rows are named that the engine has not looked for yet.
func (b *Batch) Waits() bool {
	for _, s := range b.sets() {
		if s.waits() {
			return true
		}
	}
	return false
}

// LoadDone marks everything named so far as looked for. The engine calls it at
// the end of a load.
func (b *Batch) LoadDone() {
	for _, s := range b.sets() {
		s.loadedAll()
	}
}

// Changed tells whether there is anything to write.
func (b *Batch) Changed() bool {
	if len(b.journal) > 0 {
		return true
	}
	for _, s := range b.undoSets() {
		if s.changed() {
			return true
		}
	}
	return false
}

// accept keeps the last command's changes.
func (b *Batch) accept() {
	b.journalMark = len(b.journal)
	for _, s := range b.undoSets() {
		s.keep()
	}
}

// refuse takes the last command's changes back.
func (b *Batch) refuse() {
	b.journal = b.journal[:b.journalMark]
	for _, s := range b.undoSets() {
		s.takeBack()
	}
}

func (b *Batch) sets() [23]workingSet {
	return [...]workingSet{&b.Verifications, &b.Live, &b.Failures, &b.FailureOf, &b.Users, &b.UserOf, &b.Aliases, &b.Known,
		&b.Accounts, &b.Ledger, &b.Messages, &b.Receipts, &b.Orphans, &b.Calls, &b.Proofs, &b.Passes, &b.NumberChecks, &b.Events, &b.Spends,
		&b.Sessions, &b.SessionsOf, &b.Logins, &b.Profiles}
}

func (b *Batch) undoSets() [19]undoSet {
	return [...]undoSet{&b.Verifications, &b.Failures, &b.Users, &b.Aliases, &b.Known,
		&b.Accounts, &b.Ledger, &b.Messages, &b.Receipts, &b.Orphans, &b.Calls, &b.Proofs, &b.Passes, &b.NumberChecks, &b.Events, &b.Spends,
		&b.Sessions, &b.Logins, &b.Profiles}
}
