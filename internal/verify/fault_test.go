package verify

import (
	"context"
	"errors"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

// faultPairs are the ways in which a commit ends badly.
var faultPairs = []struct {
	name  string
	fault storetest.Fault
	kept  bool // the write happened all the same
}{
	{"begin", storetest.FailBegin, false},
	{"load", storetest.FailLoad, false},
	{"write", storetest.FailWrite, false},
	{"commit, known lost", storetest.FailCommit, false},
	{"fail and not persist", storetest.FailCommitLost, false},
	{"fail but persist", storetest.FailCommitKept, true},
}

const (
	messagePrice = 5
	loginPrice   = 7
)

func faultyWorld(t *testing.T) (*world, *storetest.Faulty) {
	f := &storetest.Faulty{}
	w := newWorld(t, setting{wrap: func(e store.Engine) store.Engine { f.Engine = e; return f },
		edit: func(a *tenant.App) { a.LoginPrice = loginPrice }})
	return w, f
}

// wantCharged: so many messages are reserved for, so many logins paid, nothing
// else is held, and the ledger is whole.
func wantCharged(t *testing.T, w *world, messages, logins core.Credits) {
	t.Helper()
	checkLedger(t, w.rows())
	got := [3]core.Credits{w.balance(billing.Available), w.balance(billing.Held), w.balance(billing.Revenue)}
	want := [3]core.Credits{plenty - messages*messagePrice - logins*loginPrice, messages * messagePrice, logins * loginPrice}
	if got != want {
		t.Errorf("available, held, revenue = %v, want %v", got, want)
	}
}

func TestFaultsOfStart(t *testing.T) {
	for _, c := range faultPairs {
		t.Run(c.name, func(t *testing.T) {
			w, f := faultyWorld(t)
			f.Inject(c.fault)
			_, err := w.start(phone)
			wantKind(t, err, core.KindInternal)
			if w.phones.count() != 0 {
				t.Error("a message was handed off whose commit is unknown")
			}
			// A message that was kept waits for the sweep with its lease; no half of a send exists.
			n := core.Credits(0)
			if c.kept {
				n = 1
			}
			rows := w.rows()
			if len(rows.Messages) != int(n) || len(rows.Verifications) != int(n) {
				t.Errorf("%d messages and %d codes, want %d of each", len(rows.Messages), len(rows.Verifications), n)
			}
			wantCharged(t, w, n, 0)
			_, err = w.login(phone, w.send(t, phone)) // and it goes on
			wantOK(t, err)
			wantCharged(t, w, n+1, 1)
		})
	}
}

func TestFaultsOfLogin(t *testing.T) {
	for _, c := range faultPairs {
		t.Run(c.name, func(t *testing.T) {
			w, f := faultyWorld(t)
			code := w.send(t, phone)
			f.Inject(c.fault)
			_, err := w.login(phone, code)
			wantKind(t, err, core.KindInternal)
			_, err = w.login(phone, code) // the client tries again
			if c.kept {
				wantKind(t, err, core.KindWrongCode) // it is used
			} else {
				wantOK(t, err)
			}
			wantCharged(t, w, 1, 1)
			if users := w.rows().Users; len(users) != 1 {
				t.Errorf("%d users of one number", len(users))
			}
		})
	}
}

// TestFaultsOfClaim: a first login with an outside call has three commits;
// each fails in both directions, and so does the call.
func TestFaultsOfClaim(t *testing.T) {
	for _, c := range faultPairs {
		t.Run("claim: "+c.name, func(t *testing.T) {
			w, f := faultyWorld(t)
			w.networks.outside = true
			code := w.send(t, phone)
			f.Inject(c.fault)
			_, err := w.login(phone, code)
			wantKind(t, err, core.KindInternal)
			if w.networks.asked != 0 {
				t.Error("the back end was called although the claim is unknown")
			}
			if c.kept { // the claim holds code and price until it lapses
				wantKind(t, second(w.login(phone, code)), core.KindWrongCode)
				w.clock.advance(30*time.Second - 1)
				wantKind(t, second(w.login(phone, code)), core.KindWrongCode)
				w.clock.advance(1)
			}
			wantOK(t, second(w.login(phone, code)))
			wantCharged(t, w, 1, 1)
		})
		t.Run("commit: "+c.name, func(t *testing.T) {
			w, f := faultyWorld(t)
			w.networks.outside = true
			code := w.send(t, phone)
			f.Inject(0, c.fault)
			_, err := w.login(phone, code)
			wantKind(t, err, core.KindInternal)
			w.clock.advance(30 * time.Second)
			_, err = w.login(phone, code)
			if c.kept {
				wantKind(t, err, core.KindWrongCode)
			} else {
				wantOK(t, err)
			}
			wantCharged(t, w, 1, 1)
			for _, u := range w.rows().Users {
				if u.Network != 1 {
					t.Errorf("the user has network %d, want the one that was made first", u.Network)
				}
			}
		})
		t.Run("release: "+c.name, func(t *testing.T) {
			w, f := faultyWorld(t)
			w.networks.outside, w.networks.provision = true, refuse(core.E(core.KindProvisioningRefused, "full"))
			code := w.send(t, phone)
			f.Inject(0, c.fault)
			wantKind(t, second(w.login(phone, code)), core.KindProvisioningRefused)
			w.networks.provision = nil
			if !c.kept { // a claim that nobody could release lapses
				wantKind(t, second(w.login(phone, code)), core.KindWrongCode)
				w.clock.advance(30 * time.Second)
				var all []core.VerificationID
				for id := range w.rows().Verifications {
					all = append(all, id)
				}
				wantOK(t, w.ReleaseLapsed(context.Background(), all))
				wantCharged(t, w, 1, 0)
			}
			wantOK(t, second(w.login(phone, code)))
			wantCharged(t, w, 1, 1)
		})
	}
}

// TestFaultsOfProvisioning: contracts/yunbox.md §2 and §9, row 13. The call
// failed, or it happened and its answer was lost; either way nothing is
// charged, the code stays valid, and the next login gets the same network.
func TestFaultsOfProvisioning(t *testing.T) {
	lost := core.E(core.KindProvisioningUnreachable, "the answer was lost")
	for name, fail := range map[string]func(*networks){
		"failed":                        func(n *networks) { n.provision = refuse(lost) },
		"happened, the answer was lost": func(n *networks) { n.answer = func() error { return lost } },
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := faultyWorld(t)
			w.networks.outside = true
			fail(w.networks)
			code := w.send(t, phone)
			for range 3 {
				_, err := w.login(phone, code)
				if !errors.Is(err, lost) {
					t.Fatal(err)
				}
				wantCharged(t, w, 1, 0)
			}
			rows := w.rows()
			if len(rows.Users)+len(rows.Failures) != 0 {
				t.Errorf("a login that failed made %+v, counted %+v", rows.Users, rows.Failures)
			}
			w.networks.provision, w.networks.answer = nil, nil
			wantOK(t, second(w.login(phone, code)))
			wantCharged(t, w, 1, 1)
			wantKind(t, second(w.login(phone, code)), core.KindWrongCode)
			if users := len(w.networks.numbers); users != 1 {
				t.Errorf("networks were made for %d users, want one user tried again", users)
			}
		})
	}
}

// TestCommitAfterTheClaimLapsed: the outside call took longer than the claim
// lasts; its network may be another user's by now.
func TestCommitAfterTheClaimLapsed(t *testing.T) {
	w, _ := faultyWorld(t)
	w.networks.outside = true
	code := w.send(t, phone)
	w.networks.answer = func() error { w.clock.advance(30 * time.Second); return nil }
	wantKind(t, second(w.login(phone, code)), core.KindWrongCode)
	if users := w.rows().Users; len(users) != 0 {
		t.Errorf("a late commit logged in %+v", users)
	}
	w.networks.answer = nil
	wantOK(t, second(w.login(phone, code)))
	wantCharged(t, w, 1, 1)
}

// TestCallerGoesAway: the claim ends also when nobody waits for it.
func TestCallerGoesAway(t *testing.T) {
	w, _ := faultyWorld(t)
	w.networks.outside = true
	code := w.send(t, phone)
	ctx, leave := context.WithCancel(context.Background())
	w.networks.answer = func() error { leave(); return nil }
	_, err := w.Login(ctx, LoginRequest{App: w.app, Phone: phone, Code: code})
	wantOK(t, err)
	wantCharged(t, w, 1, 1)
	ctx, leave = context.WithCancel(context.Background())
	code = w.send(t, other)
	w.networks.answer = func() error { leave(); return ctx.Err() }
	if _, err = w.Login(ctx, LoginRequest{App: w.app, Phone: other, Code: code}); !errors.Is(err, context.Canceled) {
		t.Errorf("answer %v", err)
	}
	w.networks.answer = nil
	wantOK(t, second(w.login(other, code))) // it was released at once
}

// TestTwoAppsFirstLogin: one number logs in to two apps of a tenant at once;
// it is one user, with the network of whoever was first.
func TestTwoAppsFirstLogin(t *testing.T) {
	w, _ := faultyWorld(t)
	w.networks.outside = true
	first, second := w.app, newApp(3)
	w.do(t, &billing.TopUp{IDs: w.ids, Payer: payerOf(second, core.PoolGeneral), Amount: plenty})
	codeOf := func(a *tenant.App) core.Code { w.app = a; return w.send(t, phone) }
	codes := [2]core.Code{codeOf(first), codeOf(second)}
	w.app = first
	w.networks.answer = func() error { // between the first one's claim and commit
		w.networks.answer = nil
		_, err := w.Login(context.Background(), LoginRequest{App: second, Phone: phone, Code: codes[1]})
		return err
	}
	_, err := w.login(phone, codes[0])
	wantOK(t, err)
	rows := w.rows()
	if len(rows.Users) != 1 {
		t.Fatalf("%d users of one number", len(rows.Users))
	}
	for _, u := range rows.Users {
		if u.Network != 2 {
			t.Errorf("network %d, want 2: the second app's login was committed first, and its devices use that", u.Network)
		}
	}
	checkLedger(t, rows)
}
