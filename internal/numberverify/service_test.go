package numberverify

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// TestBothAnswersAreBilled is contracts/submail.md §3.2.
func TestBothAnswersAreBilled(t *testing.T) {
	for _, c := range []struct {
		answer    Answer
		identical bool
		state     store.NumberCheckState
	}{{match, true, store.NumberCheckMatch}, {mismatch, false, store.NumberCheckMismatch}} {
		w := newWorld(t, nil)
		w.gateway.set(always(c.answer, nil))
		v, err := w.verify(t, w.proof())
		wantOK(t, err)
		if v.Identical != c.identical || v.Carrier != CarrierMobile || v.Code != c.answer.Code || v.ID == 0 {
			t.Errorf("%+v", v)
		}
		w.wantMoney(t, plenty-verifyPrice, 0, verifyPrice)
		row := w.only(t)
		if row.ID != v.ID || row.State != c.state || row.Money != store.MoneySettled || row.Due != 0 || row.Gateway != "mobile" || row.Code != c.answer.Code ||
			row.Reference != c.answer.ID || !row.Counted || row.Kind != kindVerify || row.App != 1 || row.Tenant != 1 {
			t.Errorf("%+v", row)
		}
		phone, err := w.o.Ring.OpenPhone(row.Phone)
		wantOK(t, err)
		if phone != zhang || row.Index != w.o.Ring.Index(zhang) {
			t.Error("the number is not sealed and indexed")
		}
	}
}

// TestErrorsAreNotBilled: every class of the carrier's errors releases.
func TestErrorsAreNotBilled(t *testing.T) {
	for _, e := range []*Error{
		{Class: ClassCarrier, Code: "999", Desc: "system error", Sent: true}, {Class: ClassProof, Code: "606", Desc: "token check failed", Sent: true},
		{Class: ClassNetwork, Code: "103111", Desc: "WAP gateway IP error", Sent: true}, {Class: ClassCaller, Code: "302", Desc: "signature error", Sent: true},
		{Class: ClassQuota, Code: "102315", Desc: "quota used up", Sent: true}, {Class: ClassInput, Code: "004", Desc: "bad encrypted number", Sent: true},
		ErrTimeout(true), ErrTimeout(false), ErrUnreadable(),
	} {
		w := newWorld(t, nil)
		w.gateway.set(always(Answer{}, e))
		p := w.proof()
		_, err := w.verify(t, p)
		wantError(t, err, e.Class, e.Code+" "+e.Desc)
		w.wantMoney(t, plenty, 0, 0)
		if row := w.only(t); row.State != store.NumberCheckFailed || row.Money != store.MoneyRefunded || row.Due != 0 {
			t.Errorf("%s: %+v", e.Class, row)
		}
		// Whatever the carrier answered, the proof is used up.
		_, err = w.verify(t, p)
		wantError(t, err, ClassProof, "104201 token expired or used")
		if n := w.gateway.count(); n != 1 {
			t.Errorf("the carrier was asked %d times", n)
		}
	}
}

func TestReq31_ProofServesOnce(t *testing.T) {
	w := newWorld(t, nil)
	p := w.proof()
	var wg sync.WaitGroup
	var mu sync.Mutex
	right, refused := 0, 0
	for range 100 {
		wg.Go(func() {
			_, err := w.verify(t, p)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				right++
			} else if e, ok := AsError(err); ok && e.Class == ClassProof && e.Code == "104201" {
				refused++
			} else {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if right != 1 || refused != 99 || w.gateway.count() != 1 {
		t.Errorf("%d answered, %d refused, the carrier was asked %d times", right, refused, w.gateway.count())
	}
	w.wantMoney(t, plenty-verifyPrice, 0, verifyPrice)
	// Used is used everywhere: another app, the other question, the open API.
	_, err := w.Verify(t.Context(), VerifyRequest{App: w.other, Proof: p, Phone: zhang})
	wantError(t, err, ClassProof, "104201 token expired or used")
	w.gateway.can = map[Carrier]Can{CarrierMobile: {Match: true, Fetch: true}}
	_, err = w.Fetch(t.Context(), FetchRequest{App: w.app, Proof: p})
	wantError(t, err, ClassProof, "104201 token expired or used")
	_, err = w.Look(t.Context(), w.app, p)
	wantError(t, err, ClassProof, "104201 token expired or used")
	// Its use is remembered for 24 hours at least.
	w.clock.advance(24 * time.Hour)
	_, err = w.verify(t, p)
	wantError(t, err, ClassProof, "104201 token expired or used")
	if n := len(w.memory.Rows().Proofs); n != 1 {
		t.Errorf("%d proofs", n)
	}
	for k := range w.memory.Rows().Proofs {
		if strings.Contains(string(k[:]), p.Token.Reveal()) {
			t.Error("the proof is stored in the clear")
		}
	}
}

func TestReq31_ProofOfAnotherApp(t *testing.T) {
	w := newWorld(t, nil)
	p := w.proof()
	token, err := w.Report(t.Context(), w.app, CarrierMobile, p.Token.Reveal())
	wantOK(t, err)
	if token != p.Token.Reveal() {
		t.Error("another token came back")
	}
	_, err = w.Verify(t.Context(), VerifyRequest{App: w.other, Proof: p, Phone: zhang})
	wantError(t, err, ClassProof, "104201 token expired or used")
	_, err = w.Report(t.Context(), w.other, CarrierMobile, p.Token.Reveal())
	wantError(t, err, ClassProof, "104201 token expired or used")
	if w.gateway.count() != 0 {
		t.Error("the carrier was asked")
	}
	_, err = w.verify(t, p) // it did not harm the app whose it is
	wantOK(t, err)
}

// TestReq31_ProofExpires: 120, 1800 and 600 s from the report (contracts/carriers.md §5).
func TestReq31_ProofExpires(t *testing.T) {
	for carrier, life := range map[Carrier]time.Duration{CarrierMobile: 120 * time.Second, CarrierUnicom: 1800 * time.Second, CarrierTelecom: 600 * time.Second} {
		for _, late := range []bool{false, true} {
			w := newWorld(t, nil)
			p := Proof{Token: w.proof().Token}
			_, err := w.Report(t.Context(), w.app, carrier, p.Token.Reveal())
			wantOK(t, err)
			w.clock.advance(life - time.Nanosecond)
			_, err = w.Report(t.Context(), w.app, carrier, p.Token.Reveal()) // gives it no new life
			wantOK(t, err)
			if late {
				w.clock.advance(time.Nanosecond)
			}
			v, err := w.verify(t, p)
			if late {
				wantError(t, err, ClassProof, "104201 token expired or used")
				continue
			}
			wantOK(t, err)
			if v.Carrier != carrier {
				t.Errorf("asked as of %s, was reported of %s", v.Carrier, carrier)
			}
		}
	}
}

// TestWhoseProof: the caller's word, the record, the shape (contracts/carriers.md
// §5); and never the number's prefix.
func TestWhoseProof(t *testing.T) {
	for _, c := range []struct {
		token string
		said  Carrier
		want  Carrier
	}{
		{"nm0123456789abcdef0123456789abcdef", CarrierUnknown, CarrierTelecom},
		{"nm0123456789abcdef0123456789abcde", CarrierUnknown, CarrierMobile},
		{"STsid0000001", CarrierUnknown, CarrierMobile},
		{"H5HTTPSabc", CarrierUnknown, CarrierMobile},
		{"VMHTTPSabc", CarrierUnknown, CarrierMobile},
		{"H5AUMabc", CarrierUnknown, CarrierMobile},
		{"0123456789abcdef0123456789abcdef", CarrierUnknown, CarrierMobile},
		{"STsid0000002", CarrierUnicom, CarrierUnicom}, // a prefix of Mobile's: ported numbers
	} {
		w := newWorld(t, nil)
		v, err := w.verify(t, Proof{Token: core.NewSecret(c.token), Carrier: c.said})
		wantOK(t, err)
		if v.Carrier != c.want || w.gateway.asked[0].Carrier != c.want {
			t.Errorf("%s said to be %s: asked as of %s, want %s", c.token, c.said, v.Carrier, c.want)
		}
	}
}

func TestBalance(t *testing.T) {
	w := newWorld(t, nil)
	w.topUp(t, w.app, verifyPrice-plenty) // for one
	first, second := w.proof(), w.proof()
	answering := make(chan struct{})
	w.gateway.set(func(context.Context, Question) (Answer, error) { <-answering; return match, nil })
	errs := make(chan error, 1)
	go func() {
		_, err := w.verify(t, first)
		errs <- err
	}()
	eventually(t, "the first question", func() bool { return w.gateway.count() == 1 })
	w.wantMoney(t, 0, verifyPrice, 0)
	_, err := w.verify(t, second)
	wantKind(t, err, core.KindInsufficientBalance)
	_, err = w.verify(t, first) // balance before proof (contracts/submail.md §3.3)
	wantKind(t, err, core.KindInsufficientBalance)
	close(answering)
	wantOK(t, <-errs)
	w.wantMoney(t, 0, 0, verifyPrice)
	w.topUp(t, w.app, verifyPrice)
	_, err = w.verify(t, second) // what was refused before left it usable
	wantOK(t, err)
}

func TestTenantPays(t *testing.T) {
	w := newWorld(t, nil)
	w.app.TenantPays = true
	_, err := w.verify(t, w.proof())
	wantKind(t, err, core.KindInsufficientBalance)
	wantOK(t, w.batcher.Do(t.Context(), &billing.TopUp{IDs: w.o.IDs, Amount: 10, Payer: billing.PayerOf(1, 1, true, core.PoolGeneral)}))
	w.gateway.set(func(context.Context, Question) (Answer, error) {
		w.app.TenantPays = false // meanwhile: whoever reserved pays
		return match, nil
	})
	_, err = w.verify(t, w.proof())
	wantOK(t, err)
	if b := w.memory.Rows().Accounts[billing.Account(billing.OwnerTenant(1), core.PoolGeneral, billing.Revenue)].Balance; b != verifyPrice {
		t.Errorf("the tenant paid %d", b)
	}
	w.wantMoney(t, plenty, 0, 0)
}

func TestFreeOfCharge(t *testing.T) {
	w := newWorld(t, nil)
	w.app.VerifyPrice = 0
	_, err := w.verify(t, w.proof())
	wantOK(t, err)
	w.wantMoney(t, plenty, 0, 0)
	if row := w.only(t); row.Money != store.MoneyNone || row.State != store.NumberCheckMatch {
		t.Errorf("%+v", row)
	}
}

// TestNumberIsFetched: the number is sealed and indexed as soon as it is known.
func TestNumberIsFetched(t *testing.T) {
	w := newWorld(t, nil)
	_, err := w.Fetch(t.Context(), FetchRequest{App: w.app, Proof: w.proof()})
	wantKind(t, err, core.KindForbidden) // nobody tells numbers
	w.gateway.can = map[Carrier]Can{CarrierMobile: {Fetch: true}}
	w.gateway.set(always(Answer{Outcome: OutcomeNumber, Phone: zhang, Code: "103000"}, nil))
	f, err := w.Fetch(t.Context(), FetchRequest{App: w.app, Proof: w.proof(), Auth: "a"})
	wantOK(t, err)
	if f.Phone != zhang || f.Carrier != CarrierMobile || w.gateway.asked[0].Auth != "a" {
		t.Errorf("%+v", f)
	}
	w.wantMoney(t, plenty-fetchPrice, 0, fetchPrice)
	row := w.only(t)
	phone, err := w.o.Ring.OpenPhone(row.Phone)
	wantOK(t, err)
	if phone != zhang || row.Index.A.IsZero() || row.State != store.NumberCheckNumber || row.Kind != kindFetch {
		t.Errorf("%+v", row)
	}
}

// TestComparedHere: a gateway that only tells numbers can compare, also hashes;
// one that only compares can not compare hashes.
func TestComparedHere(t *testing.T) {
	w := newWorld(t, nil)
	sum := sha256.Sum256([]byte("+8613800138000"))
	_, err := w.Verify(t.Context(), VerifyRequest{App: w.app, Proof: w.proof(), Hash: sum})
	wantKind(t, err, core.KindForbidden)
	w.gateway.can = map[Carrier]Can{CarrierMobile: {Fetch: true}}
	for number, identical := range map[core.Phone]bool{zhang: true, li: false} {
		w.gateway.set(always(Answer{Outcome: OutcomeNumber, Phone: number}, nil))
		v, err := w.Verify(t.Context(), VerifyRequest{App: w.app, Proof: w.proof(), Hash: sum})
		wantOK(t, err)
		w2, err := w.verify(t, w.proof())
		wantOK(t, err)
		if v.Identical != identical || w2.Identical != identical {
			t.Errorf("by hash %v, by number %v; want %v", v.Identical, w2.Identical, identical)
		}
		row := w.memory.Rows().NumberChecks[v.ID]
		hash, err := w.o.Ring.Open(HashField, row.Hash)
		wantOK(t, err)
		if string(hash) != string(sum[:]) || row.Phone != nil || !row.Index.A.IsZero() {
			t.Errorf("of a hash the row has %+v", row)
		}
	}
	w.wantMoney(t, plenty-4*verifyPrice, 0, 4*verifyPrice)
}

// TestNetworkTold: a proof that names the number itself is billed and burnt like
// any other, and no gateway is asked.
func TestNetworkTold(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Routes = nil })
	p := Proof{Token: core.NewSecret("session-1"), Number: zhang}
	v, err := w.verify(t, p)
	wantOK(t, err)
	if !v.Identical {
		t.Error("not identical")
	}
	_, err = w.verify(t, p)
	wantError(t, err, ClassProof, "104201 token expired or used")
	f, err := w.Fetch(t.Context(), FetchRequest{App: w.app, Proof: Proof{Token: core.NewSecret("session-2"), Number: li}})
	wantOK(t, err)
	if f.Phone != li {
		t.Errorf("%v", f.Phone)
	}
	w.wantMoney(t, plenty-verifyPrice-fetchPrice, 0, verifyPrice+fetchPrice)
}

func TestNobodyToAsk(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Routes = nil })
	_, err := w.verify(t, w.proof())
	wantError(t, err, ClassCarrier, "601 no carrier configured")
	w = newWorld(t, func(o *Options) { o.Routes[0].Apps = []core.AppID{2} })
	_, err = w.verify(t, w.proof())
	if e, ok := AsError(err); !ok || e.Class != ClassUnprovided {
		t.Errorf("%v, want 1320", err)
	}
	if _, err := w.candidates(&question{app: w.other, kind: kindVerify}, CarrierMobile); err != nil && core.KindOf(err) != core.KindForbidden {
		t.Error(err) // forbidden: it can be asked, for another kind of question
	}
	_, err = w.candidates(&question{app: w.app, kind: kindVerify}, CarrierMobile)
	if e, ok := AsError(err); !ok || e.Class != ClassUnprovided {
		t.Error("an app without a gateway has one")
	}
	w.wantMoney(t, plenty, 0, 0)
	if len(w.memory.Rows().Proofs) != 0 {
		t.Error("a proof was burnt")
	}
}

func TestBadProofs(t *testing.T) {
	w := newWorld(t, nil)
	for _, p := range []Proof{{}, {Token: core.NewSecret(strings.Repeat("x", 4097))}, {Token: core.NewSecret("x"), Carrier: 4}} {
		_, err := w.verify(t, p)
		wantKind(t, err, core.KindBadField)
	}
	_, err := w.verify(t, Proof{Token: core.NewSecret(strings.Repeat("x", 4096))})
	wantOK(t, err)
	_, err = w.Verify(t.Context(), VerifyRequest{App: w.app, Proof: w.proof()})
	wantKind(t, err, core.KindBadField)
	for _, text := range []string{"", "a\x00b", strings.Repeat("x", 4097)} {
		_, err := w.Report(t.Context(), w.app, CarrierMobile, text)
		wantKind(t, err, core.KindBadField)
	}
	_, err = w.Report(t.Context(), w.app, CarrierUnknown, "x")
	wantKind(t, err, core.KindBadField)
	_, err = w.Report(t.Context(), w.app, 4, "x")
	wantKind(t, err, core.KindBadField)
}

// TestLook burns nothing.
func TestLook(t *testing.T) {
	w := newWorld(t, nil)
	p := w.proof()
	_, err := w.Report(t.Context(), w.app, CarrierUnicom, p.Token.Reveal())
	wantOK(t, err)
	for range 3 {
		seen, err := w.Look(t.Context(), w.app, Proof{Token: p.Token})
		wantOK(t, err)
		if !seen.Reported || seen.Carrier != CarrierUnicom || !seen.Expires.Equal(epoch.Add(1800*time.Second)) || seen.Can != (Can{Match: true}) {
			t.Errorf("%+v", seen)
		}
	}
	seen, err := w.Look(t.Context(), w.app, w.proof())
	wantOK(t, err)
	if seen.Reported || seen.Carrier != CarrierMobile || !seen.Expires.IsZero() {
		t.Errorf("%+v", seen)
	}
	_, err = w.Look(t.Context(), w.other, p)
	wantError(t, err, ClassProof, "104201 token expired or used")
}

// TestSimulatorsProof may be asked with by any app, once.
func TestSimulatorsProof(t *testing.T) {
	w := newWorld(t, nil)
	p := Proof{Token: w.proof().Token}
	wantOK(t, w.Note(t.Context(), CarrierTelecom, p.Token, time.Minute))
	_, err := w.Report(t.Context(), w.app, CarrierTelecom, p.Token.Reveal()) // by a page: it is the app's from now on
	wantOK(t, err)
	_, err = w.Verify(t.Context(), VerifyRequest{App: w.other, Proof: p, Phone: zhang})
	wantError(t, err, ClassProof, "104201 token expired or used")
	v, err := w.verify(t, p)
	wantOK(t, err)
	if v.Carrier != CarrierTelecom {
		t.Errorf("asked as of %s", v.Carrier)
	}
}

// TestKeyRotation: a proof used under an older token key stays used.
func TestKeyRotation(t *testing.T) {
	w := newWorld(t, nil)
	p := w.proof()
	_, err := w.verify(t, p)
	wantOK(t, err)
	wantOK(t, w.o.Ring.RotateTokenKey())
	_, err = w.verify(t, p)
	wantError(t, err, ClassProof, "104201 token expired or used")
}

func TestStopTwice(t *testing.T) {
	before := goleak.IgnoreCurrent()
	w := newWorld(t, nil)
	w.Stop()
	w.Stop()
	w.batcher.Stop()
	goleak.VerifyNone(t, before)
}

func TestCallerHangsUp(t *testing.T) {
	w := newWorld(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	w.gateway.set(func(ctx context.Context, _ Question) (Answer, error) {
		cancel()
		return match, ctx.Err()
	})
	_, err := w.Verify(ctx, VerifyRequest{App: w.app, Proof: w.proof(), Phone: zhang})
	wantOK(t, err)
	w.wantMoney(t, plenty-verifyPrice, 0, verifyPrice)
	if errors.Is(err, context.Canceled) {
		t.Error("canceled")
	}
}
