package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// gated is a fresh engine behind a gate, with a running batcher.
func gated(t *testing.T, fresh Fresh) (*Gate, *store.Batcher) {
	t.Helper()
	g := NewGate(opened(t, fresh))
	return g, start(t, g, store.Options{})
}

func testBatches(t *testing.T, fresh Fresh) {
	t.Run("conflicting commands are decided like two in a row", func(t *testing.T) { testConflict(t, fresh) })
	t.Run("a new code supersedes the old one in one commit", func(t *testing.T) { testSupersede(t, fresh) })
	t.Run("a refused command leaves no trace", func(t *testing.T) { testRefused(t, fresh) })
	t.Run("a panicking command leaves no trace", func(t *testing.T) { testPanics(t, fresh) })
	t.Run("a command that spoils the write fails alone", func(t *testing.T) { testSpoiled(t, fresh) })
	t.Run("a command follows rows to other rows", func(t *testing.T) { testFollow(t, fresh) })
	t.Run("nothing to write", func(t *testing.T) { testNothing(t, fresh) })
}

func testConflict(t *testing.T, fresh Fresh) {
	g, b := gated(t, fresh)
	errs := g.Together(t, b,
		&transfer{id: 1, from: funding, to: available, amount: 10},
		&transfer{id: 2, from: available, to: other, amount: 7},
		&transfer{id: 3, from: available, to: other, amount: 4}, // 3 are left
		&transfer{id: 4, from: other, to: available, amount: 1},
		&transfer{id: 5, from: available, to: other, amount: 4}, // now 4 are there
	)
	for i, err := range errs {
		if refused := isKind(err, core.KindInsufficientBalance); refused != (i == 2) || err != nil && !refused {
			t.Errorf("command %d: %v", i+1, err)
		}
	}
	if diff := cmp.Diff([]core.Credits{0, 10, -10}, balances(t, g.Engine, available, other, funding)); diff != "" {
		t.Errorf("balances (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]bool{true, true, false, true, true}, entered(t, g.Engine, 1, 2, 3, 4, 5)); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
	if got := b.Stats(); got.Batches != 2 || got.Commands != 6 || got.Refused != 1 || got.Failed != 0 {
		t.Errorf("the commands did not share a commit: %+v", got)
	}
}

func testSupersede(t *testing.T, fresh Fresh) {
	g, b := gated(t, fresh)
	k := store.LiveKey{App: 1, Purpose: 1, Index: index(1)}
	for i, err := range g.Together(t, b, &startCode{k, 1}, &startCode{k, 2}, &useCode{1}, &useCode{2}, &useCode{2}, &startCode{k, 3}) {
		if refused := isKind(err, core.KindWrongCode); refused != (i == 2 || i == 4) || err != nil && !refused {
			t.Errorf("command %d: %v", i+1, err)
		}
	}
	for i, err := range g.Together(t, b, &startCode{k, 4}, &useCode{3}, &useCode{4}) {
		if refused := isKind(err, core.KindWrongCode); refused != (i == 1) || err != nil && !refused {
			t.Errorf("command %d of the second commit: %v", i+1, err)
		}
	}
}

// everyKind changes a row of every kind that the batch has, and makes new ones.
func everyKind(b *store.Batch, n int64) {
	b.PutVerification(store.Verification{ID: core.VerificationID(n), Index: core.PhoneIndex{A: index(byte(n))}})
	b.PutFailure(store.Failure{ID: core.FailureID(n), Index: core.PhoneIndex{A: index(byte(n))}})
	b.PutUser(store.User{ID: core.UserID(n), Index: core.PhoneIndex{A: index(byte(n))}})
	b.Aliases.Put(store.AliasKey{User: core.UserID(n)}, store.Alias{User: core.UserID(n), Text: string(rune('a' + n))})
	b.Known.Put(store.KnownKey{User: core.UserID(n)}, store.Known{Key: store.KnownKey{User: core.UserID(n)}})
	b.Accounts.Put(store.AccountID(n<<8), store.Account{ID: store.AccountID(n << 8)})
	b.Ledger.Put(core.LedgerID(n), store.Ledger{ID: core.LedgerID(n), Amount: 1})
	b.Messages.Put(core.MessageID(n), store.Message{ID: core.MessageID(n)})
	k := store.ReceiptKey{PartID: string(rune('a' + n))}
	b.Receipts.Put(k, store.ReceiptRef{Key: k})
	b.Orphans.Put(k, store.Orphan{Key: k})
	call := store.CallKey{byte(n)}
	b.Calls.Put(call, store.Call{Key: call, Body: [32]byte{1}})
	b.Events.Put(core.EventID(n), store.Event{ID: core.EventID(n)})
	proof := store.ProofKey{byte(n)}
	b.Proofs.Put(proof, store.NumberProof{Key: proof})
	pass := store.PassKey{byte(n)}
	b.Passes.Put(pass, store.CaptchaPass{Key: pass})
	b.Spends.Put(store.SpendKey(n), store.Spend{Key: store.SpendKey(n)})
	b.NumberChecks.Put(core.NumberCheckID(n), store.NumberCheck{ID: core.NumberCheckID(n)})
	b.PutSession(store.Session{Key: store.SessionKey{byte(n)}, User: core.UserID(n)})
	b.Logins.Put(core.LoginID(n), store.LoginEvent{ID: core.LoginID(n)})
	b.Profiles.Put(core.UserID(n), store.Profile{User: core.UserID(n)})
	b.AppendJournal([]byte{byte(n)})
}

// countRows counts the rows of every kind.
func countRows(t *testing.T, e store.Engine) map[string]int64 {
	t.Helper()
	counts := make(map[string]int64)
	err := e.View(context.Background(), func(sql store.SQL) error {
		for _, table := range []string{"verification", "failure", "users", "alias", "known", "account", "ledger", "message", "receipt_ref", "orphan", "idempotency", "number_proof", "captcha_pass", "number_check", "spend", "event", "session", "login_event", "profile", "journal"} {
			err := sql.Query(context.Background(), "SELECT count(*) FROM "+table, func(row store.Scanner) error {
				var n int64
				err := row.Scan(&n)
				counts[table] = n
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

func expectRows(t *testing.T, e store.Engine, each int64) {
	t.Helper()
	for table, n := range countRows(t, e) {
		want := each
		if table == "journal" && each > 0 {
			want = max(n, 1) // one a batch
		}
		if n != want {
			t.Errorf("%s has %d rows, want %d", table, n, want)
		}
	}
}

func testRefused(t *testing.T, fresh Fresh) {
	g, b := gated(t, fresh)
	refuse := func(n int64) store.Command {
		return &command{decide: func(b *store.Batch) error {
			everyKind(b, n)
			return core.E(core.KindConflict, "refused by the test")
		}}
	}
	errs := g.Together(t, b, refuse(1), put(func(b *store.Batch) { everyKind(b, 2) }), refuse(3), put(func(b *store.Batch) { everyKind(b, 4) }), refuse(5))
	for i, err := range errs {
		if refused := isKind(err, core.KindConflict); refused != (i%2 == 0) || err != nil && !refused {
			t.Errorf("command %d: %v", i+1, err)
		}
	}
	expectRows(t, g.Engine, 2)
	// A refused change, and a refused deletion, of a row that another one changes.
	errs = g.Together(t, b,
		&command{want: func(b *store.Batch) { b.Messages.Want(2) }, decide: func(b *store.Batch) error {
			b.Messages.Put(2, store.Message{ID: 2, Code: "first"})
			return nil
		}},
		&command{want: func(b *store.Batch) { b.Messages.Want(2) }, decide: func(b *store.Batch) error {
			b.Messages.Put(2, store.Message{ID: 2, Code: "refused"})
			b.Messages.Delete(2)
			return core.E(core.KindConflict, "")
		}})
	if errs[0] != nil || errs[1] == nil {
		t.Errorf("errors: %v", errs)
	}
	load(t, g.Engine, func(b *store.Batch) { b.Messages.Want(2) }, func(b *store.Batch) {
		if m, ok := b.Messages.Get(2); !ok || m.Code != "first" {
			t.Errorf("message %+v, %v", m, ok)
		}
	})
}

func testPanics(t *testing.T, fresh Fresh) {
	g, b := gated(t, fresh)
	errs := g.Together(t, b,
		put(func(b *store.Batch) { everyKind(b, 1) }),
		put(func(b *store.Batch) { everyKind(b, 2); panic("decides badly") }),
		&command{want: func(*store.Batch) { panic("wants badly") }, decide: func(b *store.Batch) error { everyKind(b, 3); return nil }},
		&command{decide: func(b *store.Batch) error { b.Users.Get(99); return nil }}, // did not want it
		put(func(b *store.Batch) { everyKind(b, 4) }),
	)
	for i, err := range errs {
		if failed := isKind(err, core.KindInternal); failed != (i > 0 && i < 4) || err != nil && !failed {
			t.Errorf("command %d: %v", i+1, err)
		}
	}
	expectRows(t, g.Engine, 2)
}

func testSpoiled(t *testing.T, fresh Fresh) {
	g, b := gated(t, fresh)
	errs := g.Together(t, b,
		put(func(b *store.Batch) { everyKind(b, 1) }),
		put(func(b *store.Batch) { b.PutUser(store.User{ID: 9, Index: core.PhoneIndex{A: index(1)}}) }), // the number has a user
		put(func(b *store.Batch) { everyKind(b, 2) }),
	)
	for i, err := range errs {
		if failed := isKind(err, core.KindInternal); failed != (i == 1) || err != nil && !failed {
			t.Errorf("command %d: %v", i+1, err)
		}
	}
	if !errors.Is(errs[1], store.ErrUnique) {
		t.Errorf("the spoiling command: %v, want ErrUnique", errs[1])
	}
	counts := countRows(t, g.Engine)
	if counts["users"] != 2 || counts["message"] != 2 {
		t.Errorf("rows: %v", counts)
	}
}

func testFollow(t *testing.T, fresh Fresh) {
	g, b := gated(t, fresh)
	k := store.LiveKey{App: 1, Purpose: 1, Index: index(1)}
	row := func(id core.VerificationID, message core.MessageID) store.Verification {
		return store.Verification{ID: id, App: 1, Purpose: 1, Index: core.PhoneIndex{A: index(1)}, Message: message}
	}
	write(t, g.Engine, nil, func(b *store.Batch) {
		b.PutVerification(row(1, 11))
		b.PutVerification(row(2, 12)) // jsms: two live codes of one number
		b.Messages.Put(11, store.Message{ID: 11, Code: "one"})
		b.Messages.Put(12, store.Message{ID: 12, Code: "two"})
	})
	var live []store.Verification
	var codes []string
	follow := &command{
		want: func(b *store.Batch) {
			b.Verifications.Want(1) // by its id first: its neighbour must still be found
			if _, exists := b.Verifications.Get(1); !exists {
				return
			}
			b.Live.Want(k)
			for _, v := range b.LiveVerifications(k) {
				b.Messages.Want(v.Message)
			}
		},
		decide: func(b *store.Batch) error {
			live, codes = b.LiveVerifications(k), nil
			for _, v := range live {
				m, _ := b.Messages.Get(v.Message)
				codes = append(codes, m.Code)
			}
			return nil
		},
	}
	if errs := g.Together(t, b, follow); errs[0] != nil {
		t.Fatal(errs[0])
	}
	if diff := cmp.Diff([]string{"one", "two"}, codes); diff != "" {
		t.Errorf("followed (-want +got):\n%s", diff)
	}
}

func testNothing(t *testing.T, fresh Fresh) {
	g, b := gated(t, fresh)
	errs := g.Together(t, b, nothing{}, &command{decide: func(b *store.Batch) error {
		b.Messages.Put(1, store.Message{ID: 1})
		b.Messages.Delete(1) // made and undone
		return nil
	}})
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	expectRows(t, g.Engine, 0)
}
