package storetest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// sides are the stages of a rotation of the blind index: only A, both, only B.
var sides = []struct {
	name  string
	index func(n byte) core.PhoneIndex
}{
	{"side A", func(n byte) core.PhoneIndex { return core.PhoneIndex{A: index(n)} }},
	{"both sides", func(n byte) core.PhoneIndex { return core.PhoneIndex{A: index(n), B: index(n + 100)} }},
	{"side B", func(n byte) core.PhoneIndex { return core.PhoneIndex{B: index(n + 100)} }},
}

// values of an index that are set.
func values(x core.PhoneIndex) (set []core.IndexValue) {
	for _, v := range []core.IndexValue{x.A, x.B} {
		if !v.IsZero() {
			set = append(set, v)
		}
	}
	return set
}

func testFinders(t *testing.T, fresh Fresh) {
	for _, side := range sides {
		t.Run(side.name, func(t *testing.T) {
			e := opened(t, fresh)
			t.Run("live verifications", func(t *testing.T) { testLive(t, e, side.index) })
			t.Run("failures", func(t *testing.T) { testFailureOf(t, e, side.index) })
			t.Run("users", func(t *testing.T) { testUserOf(t, e, side.index) })
		})
	}
	t.Run("a row gets its second side", func(t *testing.T) { testSecondSide(t, opened(t, fresh)) })
}

func testLive(t *testing.T, e store.Engine, index func(byte) core.PhoneIndex) {
	row := func(id core.VerificationID, app core.AppID, purpose core.Purpose, n byte, state store.VerificationState) store.Verification {
		return store.Verification{ID: id, Tenant: 1, App: app, Purpose: purpose, Index: index(n), State: state}
	}
	write(t, e, nil, func(b *store.Batch) {
		for _, v := range []store.Verification{
			row(9, 1, 1, 1, store.VerificationPending),
			row(2, 1, 1, 1, store.VerificationClaimed),
			row(3, 1, 1, 1, store.VerificationVerified),
			row(4, 1, 1, 1, store.VerificationExpired),
			row(5, 1, 1, 1, store.VerificationExhausted),
			row(6, 1, 1, 1, store.VerificationSuperseded),
			row(7, 2, 1, 1, store.VerificationPending),
			row(8, 1, 2, 1, store.VerificationPending),
			row(10, 1, 1, 2, store.VerificationPending),
		} {
			b.PutVerification(v)
		}
	})
	live := func(t *testing.T, want ...core.VerificationID) {
		t.Helper()
		for _, value := range values(index(1)) {
			k := store.LiveKey{App: 1, Purpose: 1, Index: value}
			load(t, e, func(b *store.Batch) { b.Live.Want(k) }, func(b *store.Batch) {
				var got []core.VerificationID
				for _, v := range b.LiveVerifications(k) {
					got = append(got, v.ID)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("live codes (-want +got):\n%s", diff)
				}
			})
		}
	}
	live(t, 2, 9)
	// Superseded and inserted in one batch, and one comes back to life.
	write(t, e, func(b *store.Batch) {
		for _, id := range []core.VerificationID{2, 6, 9} {
			b.Verifications.Want(id)
		}
	}, func(b *store.Batch) {
		for id, state := range map[core.VerificationID]store.VerificationState{
			2: store.VerificationVerified, 9: store.VerificationSuperseded, 6: store.VerificationPending} {
			v, _ := b.Verifications.Get(id)
			v.State = state
			b.PutVerification(v)
		}
		b.PutVerification(row(11, 1, 1, 1, store.VerificationPending))
	})
	live(t, 6, 11)
	// A number that nobody asked for before, and none at all.
	for _, k := range []store.LiveKey{{App: 1, Purpose: 1, Index: core.IndexValue{15: 3}}, {App: 1, Purpose: 1}} {
		load(t, e, func(b *store.Batch) { b.Live.Want(k) }, func(b *store.Batch) {
			if got := b.LiveVerifications(k); len(got) != 0 {
				t.Errorf("live codes of an unknown number: %+v", got)
			}
		})
	}
}

func testFailureOf(t *testing.T, e store.Engine, index func(byte) core.PhoneIndex) {
	write(t, e, nil, func(b *store.Batch) {
		b.PutFailure(store.Failure{ID: 1, App: 1, Purpose: 1, Index: index(1)})
		b.PutFailure(store.Failure{ID: 2, App: 1, Purpose: 2, Index: index(1)})
		b.PutFailure(store.Failure{ID: 3, App: 2, Purpose: 1, Index: index(1)})
		b.PutFailure(store.Failure{ID: 4, App: 1, Purpose: 1, Index: index(2)})
		b.PutFailure(store.Failure{ID: 6, App: 1, Purpose: 1, Index: index(1), Scope: 1 << 63})
	})
	for _, value := range values(index(1)) {
		k := store.FailureKey{App: 1, Purpose: 1, Index: value}
		load(t, e, func(b *store.Batch) { b.FailureOf.Want(k) }, func(b *store.Batch) {
			if f, ok := b.Failure(k, 0); !ok || f.ID != 1 {
				t.Errorf("counters = %+v, %v, want row 1", f, ok)
			}
			if f, ok := b.Failure(k, 1<<63); !ok || f.ID != 6 {
				t.Errorf("counters of a scope = %+v, %v, want row 6", f, ok)
			}
		})
	}
	err := tryWrite(e, nil, func(b *store.Batch) { b.PutFailure(store.Failure{ID: 5, App: 1, Purpose: 1, Index: index(1)}) })
	if !errors.Is(err, store.ErrUnique) {
		t.Errorf("two counters of one number: %v, want ErrUnique", err)
	}
	// Freed and taken in one batch.
	write(t, e, func(b *store.Batch) { b.Failures.Want(1) }, func(b *store.Batch) {
		b.Failures.Delete(1)
		b.PutFailure(store.Failure{ID: 5, App: 1, Purpose: 1, Index: index(1)})
	})
}

func testUserOf(t *testing.T, e store.Engine, index func(byte) core.PhoneIndex) {
	write(t, e, nil, func(b *store.Batch) {
		b.PutUser(store.User{ID: 1, Tenant: 1, Index: index(1)})
		b.PutUser(store.User{ID: 2, Tenant: 2, Index: index(1)})
		b.PutUser(store.User{ID: 3, Tenant: 1, Index: index(2)})
		b.PutUser(store.User{ID: 4, Tenant: 1}) // without a number: in no index
		b.PutUser(store.User{ID: 5, Tenant: 1})
	})
	find := func(t *testing.T, want core.UserID) {
		t.Helper()
		for _, value := range values(index(1)) {
			k := store.UserKey{Tenant: 1, Index: value}
			load(t, e, func(b *store.Batch) { b.UserOf.Want(k) }, func(b *store.Batch) {
				if u, ok := b.User(k); !ok || u.ID != want {
					t.Errorf("user = %+v, %v, want row %d", u, ok, want)
				}
			})
		}
	}
	find(t, 1)
	err := tryWrite(e, nil, func(b *store.Batch) { b.PutUser(store.User{ID: 6, Tenant: 1, Index: index(1)}) })
	if !errors.Is(err, store.ErrUnique) {
		t.Errorf("two users of one number: %v, want ErrUnique", err)
	}
	// The number moves from one user to a new one in one batch.
	write(t, e, func(b *store.Batch) { b.Users.Want(1) }, func(b *store.Batch) {
		u, _ := b.Users.Get(1)
		u.Index = index(9)
		b.PutUser(u)
		b.PutUser(store.User{ID: 6, Tenant: 1, Index: index(1)})
	})
	find(t, 6)
}

// testSecondSide writes rows with both sides that had one: the indexes follow.
func testSecondSide(t *testing.T, e store.Engine) {
	one, both := core.PhoneIndex{A: index(1)}, core.PhoneIndex{A: index(1), B: index(101)}
	write(t, e, nil, func(b *store.Batch) {
		b.PutVerification(store.Verification{ID: 1, App: 1, Index: one})
		b.PutFailure(store.Failure{ID: 1, App: 1, Index: one})
		b.PutUser(store.User{ID: 1, Tenant: 1, Index: one})
	})
	write(t, e, func(b *store.Batch) {
		b.Verifications.Want(1)
		b.Failures.Want(1)
		b.Users.Want(1)
	}, func(b *store.Batch) {
		v, _ := b.Verifications.Get(1)
		v.Index = both
		b.PutVerification(v)
		f, _ := b.Failures.Get(1)
		f.Index = both
		b.PutFailure(f)
		u, _ := b.Users.Get(1)
		u.Index = both
		b.PutUser(u)
	})
	live := store.LiveKey{App: 1, Index: both.B}
	failure := store.FailureKey{App: 1, Index: both.B}
	user := store.UserKey{Tenant: 1, Index: both.B}
	load(t, e, func(b *store.Batch) {
		b.Live.Want(live)
		b.FailureOf.Want(failure)
		b.UserOf.Want(user)
	}, func(b *store.Batch) {
		if got := b.LiveVerifications(live); len(got) != 1 {
			t.Errorf("live codes by the second side: %+v", got)
		}
		if _, ok := b.Failure(failure, 0); !ok {
			t.Error("no counters by the second side")
		}
		if _, ok := b.User(user); !ok {
			t.Error("no user by the second side")
		}
	})
}

func testConstraints(t *testing.T, fresh Fresh) {
	e := opened(t, fresh)
	write(t, e, nil, func(b *store.Batch) {
		b.Accounts.Put(1<<8|1, store.Account{ID: 1<<8 | 1, Balance: 5})
		b.Messages.Put(1, store.Message{ID: 1})
		b.Aliases.Put(store.AliasKey{App: 1, User: 1}, store.Alias{App: 1, User: 1, Text: "yb1"})
		b.Receipts.Put(store.ReceiptKey{Provider: "p", PartID: "1"}, store.ReceiptRef{Key: store.ReceiptKey{Provider: "p", PartID: "1"}, Message: 1})
	})
	for _, c := range []struct {
		name   string
		unique bool
		change func(*store.Batch)
	}{
		{"available below zero", false, func(b *store.Batch) { b.Accounts.Put(2<<8|1, store.Account{ID: 2<<8 | 1, Balance: -1}) }},
		{"held below zero", false, func(b *store.Batch) { b.Accounts.Put(2<<8|2, store.Account{ID: 2<<8 | 2, Balance: -1}) }},
		{"a transfer of nothing", false, func(b *store.Batch) { b.Ledger.Put(1, store.Ledger{ID: 1}) }},
		{"a transfer of less than nothing", false, func(b *store.Batch) { b.Ledger.Put(1, store.Ledger{ID: 1, Amount: -1}) }},
		{"an id twice", true, func(b *store.Batch) { b.Messages.Put(1, store.Message{ID: 1}) }},
		{"an alias twice", true, func(b *store.Batch) {
			b.Aliases.Put(store.AliasKey{App: 1, User: 2}, store.Alias{App: 1, User: 2, Text: "yb1"})
		}},
		{"a part twice", true, func(b *store.Batch) {
			k := store.ReceiptKey{Provider: "p", PartID: "1"}
			b.Receipts.Put(k, store.ReceiptRef{Key: k, Message: 2})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := tryWrite(e, nil, func(b *store.Batch) {
				b.Messages.Put(99, store.Message{ID: 99}) // goes with the rest
				c.change(b)
			})
			if err == nil || errors.Is(err, store.ErrUnique) != c.unique {
				t.Errorf("error %v; is ErrUnique %v, want %v", err, errors.Is(err, store.ErrUnique), c.unique)
			}
			load(t, e, func(b *store.Batch) { b.Messages.Want(99) }, func(b *store.Batch) {
				if _, exists := b.Messages.Get(99); exists {
					t.Error("the neighbour of a refused row was written")
				}
			})
		})
	}
	// Revenue and funding may be anything.
	write(t, e, nil, func(b *store.Batch) {
		b.Accounts.Put(3, store.Account{ID: 3, Balance: -7})
		b.Accounts.Put(4, store.Account{ID: 4, Balance: -1 << 60})
	})
}
