package storetest

import (
	"context"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// kind is one kind of row for the round trip. fix gives a filled row its key
// and what the rules demand; other makes a row of another key.
type kind[K comparable, R any] struct {
	set    func(*store.Batch) *store.Set[K, R]
	put    func(*store.Batch, R)
	key    func(R) K
	fix    func(row *R, other bool)
	frozen bool // rows are only ever inserted
}

func testRows(t *testing.T, fresh Fresh) {
	e := opened(t, fresh)
	t.Run("verification", func(t *testing.T) {
		roundTrip(t, e, kind[core.VerificationID, store.Verification]{
			set: func(b *store.Batch) *store.Set[core.VerificationID, store.Verification] { return &b.Verifications },
			put: (*store.Batch).PutVerification,
			key: func(v store.Verification) core.VerificationID { return v.ID },
			fix: func(v *store.Verification, other bool) {
				v.ID, v.Index.ByB = core.VerificationID(id(other)), false
			},
		})
	})
	t.Run("failure", func(t *testing.T) {
		roundTrip(t, e, kind[core.FailureID, store.Failure]{
			set: func(b *store.Batch) *store.Set[core.FailureID, store.Failure] { return &b.Failures },
			put: (*store.Batch).PutFailure,
			key: func(f store.Failure) core.FailureID { return f.ID },
			fix: func(f *store.Failure, other bool) {
				f.ID, f.Index.ByB = core.FailureID(id(other)), false
				f.Index.A[7] ^= bit(other) // unique
				f.Index.B[7] ^= bit(other)
			},
		})
	})
	t.Run("user", func(t *testing.T) {
		roundTrip(t, e, kind[core.UserID, store.User]{
			set: func(b *store.Batch) *store.Set[core.UserID, store.User] { return &b.Users },
			put: (*store.Batch).PutUser,
			key: func(u store.User) core.UserID { return u.ID },
			fix: func(u *store.User, other bool) {
				u.ID, u.Index.ByB = core.UserID(id(other)), false
				u.Network ^= int64(bit(other))
				u.Index.A[7] ^= bit(other)
				u.Index.B[7] ^= bit(other)
			},
		})
	})
	t.Run("alias", func(t *testing.T) {
		roundTrip(t, e, kind[store.AliasKey, store.Alias]{
			set: func(b *store.Batch) *store.Set[store.AliasKey, store.Alias] { return &b.Aliases },
			put: func(b *store.Batch, a store.Alias) { b.Aliases.Put(store.AliasKey{App: a.App, User: a.User}, a) },
			key: func(a store.Alias) store.AliasKey { return store.AliasKey{App: a.App, User: a.User} },
			fix: func(a *store.Alias, other bool) {
				a.App, a.User = math.MaxUint32, core.UserID(id(other))
				if other {
					a.Text += "other"
				}
			},
		})
	})
	t.Run("known", func(t *testing.T) {
		roundTrip(t, e, kind[store.KnownKey, store.Known]{
			set: func(b *store.Batch) *store.Set[store.KnownKey, store.Known] { return &b.Known },
			put: func(b *store.Batch, k store.Known) { b.Known.Put(k.Key, k) },
			key: func(k store.Known) store.KnownKey { return k.Key },
			fix: func(k *store.Known, other bool) {
				k.Key = store.KnownKey{App: math.MaxUint32, User: core.UserID(id(other)), Scope: math.MaxUint64}
			},
		})
	})
	t.Run("account", func(t *testing.T) {
		roundTrip(t, e, kind[store.AccountID, store.Account]{
			set: func(b *store.Batch) *store.Set[store.AccountID, store.Account] { return &b.Accounts },
			put: func(b *store.Batch, a store.Account) { b.Accounts.Put(a.ID, a) },
			key: func(a store.Account) store.AccountID { return a.ID },
			fix: func(a *store.Account, other bool) { a.ID = store.AccountID(id(other)<<8 | 4) },
		})
	})
	t.Run("ledger", func(t *testing.T) {
		roundTrip(t, e, kind[core.LedgerID, store.Ledger]{
			set: func(b *store.Batch) *store.Set[core.LedgerID, store.Ledger] { return &b.Ledger },
			put: func(b *store.Batch, l store.Ledger) { b.Ledger.Put(l.ID, l) },
			key: func(l store.Ledger) core.LedgerID { return l.ID },
			fix: func(l *store.Ledger, other bool) {
				l.ID, l.Amount = core.LedgerID(id(other)), max(l.Amount, 1)
			},
			frozen: true,
		})
	})
	t.Run("message", func(t *testing.T) {
		roundTrip(t, e, kind[core.MessageID, store.Message]{
			set: func(b *store.Batch) *store.Set[core.MessageID, store.Message] { return &b.Messages },
			put: func(b *store.Batch, m store.Message) { b.Messages.Put(m.ID, m) },
			key: func(m store.Message) core.MessageID { return m.ID },
			fix: func(m *store.Message, other bool) { m.ID = core.MessageID(id(other)) },
		})
	})
	t.Run("receipt", func(t *testing.T) {
		roundTrip(t, e, kind[store.ReceiptKey, store.ReceiptRef]{
			set: func(b *store.Batch) *store.Set[store.ReceiptKey, store.ReceiptRef] { return &b.Receipts },
			put: func(b *store.Batch, r store.ReceiptRef) { b.Receipts.Put(r.Key, r) },
			key: func(r store.ReceiptRef) store.ReceiptKey { return r.Key },
			fix: func(r *store.ReceiptRef, other bool) { r.Key = receiptKey(other) },
		})
	})
	t.Run("orphan", func(t *testing.T) {
		roundTrip(t, e, kind[store.ReceiptKey, store.Orphan]{
			set: func(b *store.Batch) *store.Set[store.ReceiptKey, store.Orphan] { return &b.Orphans },
			put: func(b *store.Batch, o store.Orphan) { b.Orphans.Put(o.Key, o) },
			key: func(o store.Orphan) store.ReceiptKey { return o.Key },
			fix: func(o *store.Orphan, other bool) { o.Key = receiptKey(other) },
		})
	})
	t.Run("call", func(t *testing.T) {
		roundTrip(t, e, kind[store.CallKey, store.Call]{
			set: func(b *store.Batch) *store.Set[store.CallKey, store.Call] { return &b.Calls },
			put: func(b *store.Batch, c store.Call) { b.Calls.Put(c.Key, c) },
			key: func(c store.Call) store.CallKey { return c.Key },
			fix: func(c *store.Call, other bool) { c.Key = store.CallKey{7: bit(other)} },
		})
	})
	t.Run("event", func(t *testing.T) {
		roundTrip(t, e, kind[core.EventID, store.Event]{
			set:    func(b *store.Batch) *store.Set[core.EventID, store.Event] { return &b.Events },
			put:    func(b *store.Batch, v store.Event) { b.Events.Put(v.ID, v) },
			key:    func(v store.Event) core.EventID { return v.ID },
			fix:    func(v *store.Event, other bool) { v.ID = core.EventID(id(other)) },
			frozen: true,
		})
	})
	t.Run("number proof", func(t *testing.T) {
		roundTrip(t, e, kind[store.ProofKey, store.NumberProof]{
			set: func(b *store.Batch) *store.Set[store.ProofKey, store.NumberProof] { return &b.Proofs },
			put: func(b *store.Batch, p store.NumberProof) { b.Proofs.Put(p.Key, p) },
			key: func(p store.NumberProof) store.ProofKey { return p.Key },
			fix: func(p *store.NumberProof, other bool) { p.Key = store.ProofKey{7: bit(other)} },
		})
	})
	t.Run("spend", func(t *testing.T) {
		roundTrip(t, e, kind[store.SpendKey, store.Spend]{
			set: func(b *store.Batch) *store.Set[store.SpendKey, store.Spend] { return &b.Spends },
			put: func(b *store.Batch, s store.Spend) { b.Spends.Put(s.Key, s) },
			key: func(s store.Spend) store.SpendKey { return s.Key },
			fix: func(s *store.Spend, other bool) { s.Key, s.Amount = store.SpendKey(id(other)), max(s.Amount, 1) },
		})
	})
	t.Run("captcha pass", func(t *testing.T) {
		roundTrip(t, e, kind[store.PassKey, store.CaptchaPass]{
			set: func(b *store.Batch) *store.Set[store.PassKey, store.CaptchaPass] { return &b.Passes },
			put: func(b *store.Batch, p store.CaptchaPass) { b.Passes.Put(p.Key, p) },
			key: func(p store.CaptchaPass) store.PassKey { return p.Key },
			fix: func(p *store.CaptchaPass, other bool) { p.Key = store.PassKey{7: bit(other)} },
		})
	})
	t.Run("number check", func(t *testing.T) {
		roundTrip(t, e, kind[core.NumberCheckID, store.NumberCheck]{
			set: func(b *store.Batch) *store.Set[core.NumberCheckID, store.NumberCheck] { return &b.NumberChecks },
			put: func(b *store.Batch, n store.NumberCheck) { b.NumberChecks.Put(n.ID, n) },
			key: func(n store.NumberCheck) core.NumberCheckID { return n.ID },
			fix: func(n *store.NumberCheck, other bool) { n.ID, n.Index.ByB = core.NumberCheckID(id(other)), false },
		})
	})
	t.Run("session", func(t *testing.T) {
		roundTrip(t, e, kind[store.SessionKey, store.Session]{
			set: func(b *store.Batch) *store.Set[store.SessionKey, store.Session] { return &b.Sessions },
			put: func(b *store.Batch, n store.Session) { b.PutSession(n) },
			key: func(n store.Session) store.SessionKey { return n.Key },
			fix: func(n *store.Session, other bool) { n.Key = store.SessionKey{7: bit(other)} },
		})
	})
	t.Run("login event", func(t *testing.T) {
		roundTrip(t, e, kind[core.LoginID, store.LoginEvent]{
			set:    func(b *store.Batch) *store.Set[core.LoginID, store.LoginEvent] { return &b.Logins },
			put:    func(b *store.Batch, n store.LoginEvent) { b.Logins.Put(n.ID, n) },
			key:    func(n store.LoginEvent) core.LoginID { return n.ID },
			fix:    func(n *store.LoginEvent, other bool) { n.ID = core.LoginID(id(other)) },
			frozen: true,
		})
	})
	t.Run("profile", func(t *testing.T) {
		roundTrip(t, e, kind[core.UserID, store.Profile]{
			set: func(b *store.Batch) *store.Set[core.UserID, store.Profile] { return &b.Profiles },
			put: func(b *store.Batch, n store.Profile) { b.Profiles.Put(n.User, n) },
			key: func(n store.Profile) core.UserID { return n.User },
			fix: func(n *store.Profile, other bool) { n.User = core.UserID(id(other)) },
		})
	})
	t.Run("journal", func(t *testing.T) { testJournalRow(t, e) })
}

func id(other bool) int64 {
	if other {
		return math.MaxInt64>>8 - 1
	}
	return math.MaxInt64 >> 8
}

func bit(other bool) byte {
	if other {
		return 1
	}
	return 0
}

func receiptKey(other bool) store.ReceiptKey {
	k := store.ReceiptKey{Provider: "移动-1", PartID: strings.Repeat("f", 65)}
	if other {
		k.PartID = "F"
	}
	return k
}

// extreme is how a field is filled.
type extreme uint8

const (
	zero extreme = iota
	lowest
	highest
	random // different bits in every field
)

// fill sets every field of a row, so that a field added later is covered too.
func fill(v reflect.Value, how extreme, seed *uint64) {
	*seed = *seed*6364136223846793005 + 1442695040888963407
	bits := *seed >> 11
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), how, seed)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), how, seed)
		}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint([...]uint64{0, 0, math.MaxUint64, bits}[how] << (64 - v.Type().Bits()) >> (64 - v.Type().Bits()))
	case reflect.Int64:
		v.SetInt([...]int64{0, math.MinInt64, math.MaxInt64, int64(bits)}[how])
	case reflect.Bool:
		v.SetBool([...]bool{false, false, true, bits&1 == 1}[how])
	case reflect.String:
		v.SetString([...]string{"", "\t\r\n '\"$1?", strings.Repeat("验码😀", 40), strings.Repeat("x", int(bits%300))}[how])
	case reflect.Slice:
		v.SetBytes([...][]byte{nil, {0}, []byte(strings.Repeat("\x00\xff", 1<<15)), []byte(strings.Repeat("b", 1+int(bits%300)))}[how])
	default:
		panic("storetest: a field of kind " + v.Kind().String())
	}
}

func filled[K comparable, R any](k kind[K, R], how extreme, other bool) R {
	var row R
	seed := uint64(how)
	fill(reflect.ValueOf(&row).Elem(), how, &seed)
	k.fix(&row, other)
	return row
}

// roundTrip writes a row in every extreme, over every other extreme, and reads
// it back each time; its neighbour stays as it is.
func roundTrip[K comparable, R any](t *testing.T, e store.Engine, k kind[K, R]) {
	neighbour := filled(k, random, true)
	write(t, e, nil, func(b *store.Batch) { k.put(b, neighbour) })
	extremes := []extreme{zero, lowest, highest, random}
	for _, from := range extremes {
		for _, to := range extremes {
			first, second := filled(k, from, false), filled(k, to, false)
			want := func(b *store.Batch) { k.set(b).Want(k.key(first)) }
			write(t, e, want, func(b *store.Batch) { k.put(b, first) })
			expect(t, e, k, first)
			if k.frozen {
				if err := tryWrite(e, want, func(b *store.Batch) { k.put(b, second) }); err == nil {
					t.Fatal("a row that is only ever inserted was changed")
				}
				if err := tryWrite(e, want, func(b *store.Batch) { k.set(b).Delete(k.key(first)) }); err == nil {
					t.Fatal("a row that is only ever inserted was deleted")
				}
				expect(t, e, k, first)
				return
			}
			write(t, e, want, func(b *store.Batch) { k.put(b, second) })
			expect(t, e, k, second)
			write(t, e, want, func(b *store.Batch) { k.set(b).Delete(k.key(first)) })
			load(t, e, want, func(b *store.Batch) {
				if row, exists := k.set(b).Get(k.key(first)); exists {
					t.Errorf("deleted, but still there: %+v", row)
				}
			})
		}
	}
	expect(t, e, k, neighbour)
}

func expect[K comparable, R any](t *testing.T, e store.Engine, k kind[K, R], row R) {
	t.Helper()
	load(t, e, func(b *store.Batch) { k.set(b).Want(k.key(row)) }, func(b *store.Batch) {
		got, exists := k.set(b).Get(k.key(row))
		if !exists {
			t.Fatalf("not there: %+v", row)
		}
		if !reflect.DeepEqual(row, got) { // cmp.Diff walks bytes one by one
			t.Fatalf("not what was written (-want +got):\n%s", cmp.Diff(row, got))
		}
	})
}

func testJournalRow(t *testing.T, e store.Engine) {
	events := []byte(strings.Repeat("\x00\x01\xff", 1000))
	write(t, e, nil, func(b *store.Batch) {
		b.AppendJournal(events[:1500])
		b.AppendJournal(events[1500:])
	})
	write(t, e, nil, func(b *store.Batch) {
		b.Accounts.Put(1<<8|3, store.Account{ID: 1<<8 | 3}) // and no events: no row
	})
	var got [][]byte
	var at []int64
	err := e.View(context.Background(), func(sql store.SQL) error {
		return sql.Query(context.Background(), "SELECT at, data FROM journal ORDER BY id", func(row store.Scanner) error {
			var instant int64
			var data []byte
			err := row.Scan(&instant, &data)
			got, at = append(got, data), append(at, instant)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]byte{events}, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int64{clock().UnixNano()}, at); diff != "" {
		t.Errorf("instant of the journal (-want +got):\n%s", diff)
	}
}
