package operator

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/rotation"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

var settling sync.Mutex // guards world.settled

// startRotation runs the jobs; what they wait for has settled, unless a test
// holds it back.
func (w *world) startRotation(t *testing.T, admin *tenant.Admin, log *slog.Logger) {
	t.Helper()
	must(t, w.engine.Update(context.Background(), func(q store.SQL) error { // as at every start
		return records.PutSetting(context.Background(), q, "bound", "1")
	}))
	w.rotation = rotation.New(rotation.Options{Ring: w.ring, Database: w.engine, Commands: w.batcher, Audit: admin, Apps: admin, Peers: noPeers{},
		Now: w.clock.now, Log: log, Refresh: w.directory.Refresh, Retry: time.Millisecond,
		Bind: func(ctx context.Context, q store.SQL) (bool, error) {
			now := strconv.FormatUint(w.ring.Generation(), 10)
			bound, _, err := records.Setting(ctx, q, "bound")
			if err != nil || bound == now {
				return false, err
			}
			return true, records.PutSetting(ctx, q, "bound", now)
		},
		Settled: func(ctx context.Context) error {
			settling.Lock()
			until := w.settled
			settling.Unlock()
			if until == nil {
				return nil
			}
			select {
			case <-until:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}})
	w.rotation.Start()
	t.Cleanup(w.rotation.Stop)
	w.idle(t)
}

type noPeers struct{}

func (noPeers) Reseal(context.Context, uint16, int64, int) (int64, int, error) { return 0, 0, nil }

// idle waits until no job runs.
func (w *world) idle(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		s, err := w.rotation.Status(context.Background())
		must(t, err)
		if !s.Index.Running && !s.Reseal.Running {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("still running: %+v", s)
		}
	}
}

func (w *world) hold() (release func()) {
	until := make(chan struct{})
	set := func(c chan struct{}) {
		settling.Lock()
		defer settling.Unlock()
		w.settled = c
	}
	set(until)
	return func() { set(nil); close(until) }
}

// refusedAs checks that a call was refused with a sentence.
func refusedAs(t *testing.T, err error, code, sentence string) {
	t.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, sentence) {
		t.Errorf("error = %v, want %s: %s", err, code, sentence)
	}
}

func TestKeyringRotates(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	first, err := w.Keyring(ctx)
	want := rotation.Status{Generation: 1, CodeKeys: 1, FieldKeys: 1, TokenKeys: 1, Index: rotation.IndexStatus{Phase: "steady"}}
	if err != nil || first.Generation != want.Generation || first.CodeKeys != 1 || first.FieldKeys != 1 || first.TokenKeys != 1 ||
		first.Index.Phase != "steady" || first.Index.Running || len(first.Index.Remaining) != 0 {
		t.Fatalf("status = %+v, %v", first, err)
	}
	app, key := w.app(t, "shop")
	for i, kind := range []rotation.Kind{rotation.Code, rotation.Field, rotation.Token} {
		s, err := w.RotateKeyring(ctx, kind)
		must(t, err)
		if s.Generation != uint64(i+2) {
			t.Errorf("%s: %+v", kind, s)
		}
		if n := w.count(t, "keyring.rotate_"+string(kind)); n != 1 {
			t.Errorf("%s: %d audit rows", kind, n)
		}
	}
	s, err := w.Keyring(ctx)
	if err != nil || s.CodeKeys != 2 || s.FieldKeys != 2 || s.TokenKeys != 2 {
		t.Errorf("status = %+v, %v", s, err)
	}
	// What was made with the older keys stays readable and right.
	if found, ok := w.directory.AppByKey(tenant.DialectYunbox, key); !ok || found.ID != app.ID {
		t.Error("the app's key is wrong after the rotation")
	}
	for name, c := range map[string]struct{ path, body, code string }{
		"a kind that is none":  {"/admin/keyring/limit/rotate", "", "bad_field"},
		"retire the index":     {"/admin/keyring/index/retire", `{"keep":1}`, "bad_field"},
		"retire a wrong kind":  {"/admin/keyring/x/retire", `{"keep":1}`, "bad_field"},
		"keep none":            {"/admin/keyring/code/retire", `{"keep":0}`, "bad_field"},
		"keep nothing said":    {"/admin/keyring/code/retire", `{}`, "bad_field"},
		"an unknown member":    {"/admin/keyring/code/retire", `{"keep":1,"force":true}`, "bad_field"},
		"within two minutes":   {"/admin/keyring/code/retire", `{"keep":1}`, "conflict"},
		"the same for fields":  {"/admin/keyring/field/retire", `{"keep":1}`, "conflict"},
		"the same for tokens":  {"/admin/keyring/token/retire", `{"keep":1}`, "conflict"},
		"no such path of ours": {"/admin/keyring/code/drop", "", "not_found"},
	} {
		answer, body := w.call(t, http.MethodPost, c.path, c.body)
		if code, _ := problemOf(t, body); code != c.code {
			t.Errorf("%s: %d %s, want %s", name, answer.StatusCode, body, c.code)
		}
	}
	if s, err := w.RetireKeyring(ctx, rotation.Code, 2); err != nil || s.Generation != 4 {
		t.Errorf("nothing to retire: %+v, %v", s, err) // and no audit row
	}
	if n := w.count(t, "keyring.retire_code"); n != 0 {
		t.Errorf("%d audit rows of retirements that changed nothing", n)
	}
}

// rows puts one row of every kind that has a sealed field.
type rows struct{ put func(b *store.Batch) }

func (c *rows) Want(*store.Batch)           {}
func (c *rows) Decide(b *store.Batch) error { c.put(b); return nil }

const sealedNumber = "+8613800138000"

// sealRows writes a user, a test user, counters, a message and a live code
// under the keys of now.
func (w *world) sealRows(t *testing.T, app core.AppID) {
	t.Helper()
	phone := core.PhoneFromE164(sealedNumber)
	number, err := account.RealNumber(w.ring, 1, phone)
	must(t, err)
	label, err := account.TestNumber(w.ring, 1, app, "12345678910")
	must(t, err)
	body, err := w.ring.Seal(outbox.BodyField, []byte("【验码】042917"))
	must(t, err)
	tag, err := w.ring.SignCode(keyring.CodeContext{Verification: 7, App: app, Purpose: core.PurposeLogin, Phone: phone}, core.CodeFromDigits("042917"))
	must(t, err)
	must(t, w.batcher.Do(context.Background(), &rows{func(b *store.Batch) {
		b.PutUser(store.User{ID: 1, Tenant: 1, Index: number.Index, Phone: number.Sealed})
		b.PutUser(store.User{ID: 2, Tenant: 1, Index: label.Index, Phone: label.Sealed, Test: true})
		b.PutUser(store.User{ID: 3, Tenant: 1}) // erased
		b.PutFailure(store.Failure{ID: 4, Tenant: 1, App: app, Purpose: core.PurposeLogin, Index: number.Index, Phone: number.Sealed, Total: 3, Recent: 3,
			LastWrong: b.Now})
		b.Messages.Put(5, store.Message{ID: 5, Tenant: 1, App: app, Phone: number.Sealed, Body: body})
		b.Messages.Put(6, store.Message{ID: 6, Tenant: 1, App: app, Phone: number.Sealed}) // ended: without its text
		b.PutVerification(store.Verification{ID: 7, Tenant: 1, App: app, Purpose: core.PurposeLogin, Index: number.Index, Message: 5,
			Expires: b.Now.Add(5 * time.Minute), CodeKey: tag.Key, CodeSalt: tag.Salt, CodeMAC: tag.MAC})
	}}))
	_, err = w.UpdateApp(context.Background(), app, tenant.Patch{TestNumbers: &[]tenant.TestNumber{{Literal: "12345678910", Code: "4433"}}})
	must(t, err)
}

// Requirement row 11: a field key goes only when nothing is sealed under it,
// and everything can be read afterwards.
func TestReq11_FieldKeyIsRetiredAfterReseal(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	app, _ := w.app(t, "shop")
	w.sealRows(t, app.ID)
	_, err := w.RotateKeyring(ctx, rotation.Field)
	must(t, err)
	w.clock.move(rotation.Grace)
	_, err = w.RetireKeyring(ctx, rotation.Field, 1)
	refusedAs(t, err, "conflict", "2 rows of table users are sealed under an older key: seal them anew first (keyring reseal)")

	release := w.hold()
	s, err := w.ResealKeyring(ctx)
	if err != nil || !s.Reseal.Running {
		t.Errorf("status = %+v, %v", s, err)
	}
	_, err = w.ResealKeyring(ctx)
	refusedAs(t, err, "conflict", "already")
	_, err = w.RetireKeyring(ctx, rotation.Field, 1)
	refusedAs(t, err, "conflict", "are being sealed")
	release()
	w.idle(t)
	s, err = w.RetireKeyring(ctx, rotation.Field, 1)
	if err != nil || s.FieldKeys != 1 || s.Reseal.Done != 6 {
		t.Fatalf("status = %+v, %v", s, err)
	}
	w.wantReadable(t, app.ID)
	for _, action := range []string{"keyring.rotate_field", "keyring.reseal", "keyring.retire_field"} {
		if n := w.count(t, action); n != 1 {
			t.Errorf("%s: %d audit rows", action, n)
		}
	}
}

// wantReadable opens everything that sealRows wrote.
func (w *world) wantReadable(t *testing.T, app core.AppID) {
	t.Helper()
	ctx := context.Background()
	must(t, w.engine.View(ctx, func(q store.SQL) error {
		for _, table := range []string{"users WHERE id = 1", "failure WHERE id = 4", "message WHERE id = 5", "message WHERE id = 6"} {
			err := q.Query(ctx, "SELECT phone FROM "+table, func(r store.Scanner) error {
				var sealed []byte
				must(t, r.Scan(&sealed))
				if phone, err := w.ring.OpenPhone(sealed); err != nil || phone.E164() != sealedNumber {
					t.Errorf("%s: %v", table, err)
				}
				return nil
			})
			must(t, err)
		}
		return q.Query(ctx, "SELECT body FROM message WHERE id = 5", func(r store.Scanner) error {
			var sealed []byte
			must(t, r.Scan(&sealed))
			if text, err := w.ring.Open(outbox.BodyField, sealed); err != nil || string(text) != "【验码】042917" {
				t.Errorf("text: %v", err)
			}
			return nil
		})
	}))
	must(t, w.directory.Refresh(ctx))
	if found, ok := w.directory.App(app); !ok || len(found.TestNumbers) != 1 || found.TestNumbers[0].Code != "4433" {
		t.Error("the test numbers can not be read")
	}
}

// A pepper goes when no code that it signed can be answered any more.
func TestReq11_CodeKeyIsRetiredAfterItsCodes(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	app, _ := w.app(t, "shop")
	w.sealRows(t, app.ID)
	_, err := w.RotateKeyring(ctx, rotation.Code)
	must(t, err)
	w.clock.move(rotation.Grace - time.Second)
	_, err = w.RetireKeyring(ctx, rotation.Code, 1)
	refusedAs(t, err, "conflict", "try again in 1 s")
	w.clock.move(time.Second)
	_, err = w.RetireKeyring(ctx, rotation.Code, 1)
	refusedAs(t, err, "conflict", "1 codes that can still be answered were signed under an older key")
	w.clock.move(3 * time.Minute)
	s, err := w.RetireKeyring(ctx, rotation.Code, 1)
	if err != nil || s.CodeKeys != 1 || w.count(t, "keyring.retire_code") != 1 {
		t.Errorf("status = %+v, %v", s, err)
	}
}

// A token key goes when every valid API key was stored anew, and no call with
// an Idempotency-Key from before is honoured.
func TestReq11_TokenKeyIsRetiredAfterItsKeys(t *testing.T) {
	w := newWorld(t)
	w.directory.Start() // stores keys anew
	t.Cleanup(w.directory.Stop)
	ctx := context.Background()
	app, key := w.app(t, "shop")
	_, err := w.AddAppCredit(ctx, app.ID, api.NewCredit{Amount: 5}, "before")
	must(t, err)
	_, err = w.RotateKeyring(ctx, rotation.Token)
	must(t, err)
	other, otherKey := w.app(t, "other") // made after the rotation
	w.clock.move(rotation.Grace)
	_, err = w.RetireKeyring(ctx, rotation.Token, 1)
	refusedAs(t, err, "conflict", "app 1 has an API key that was not used since the rotation")
	if _, ok := w.directory.AppByKey(tenant.DialectYunbox, key); !ok {
		t.Fatal("the key is wrong")
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		_, err = w.RetireKeyring(ctx, rotation.Token, 1)
		if err != nil && !strings.Contains(err.Error(), "app 1") || time.Now().After(end) {
			break
		}
	}
	refusedAs(t, err, "conflict", "Idempotency-Key from before the rotation")
	w.clock.move(24 * time.Hour)
	s, err := w.RetireKeyring(ctx, rotation.Token, 1)
	if err != nil || s.TokenKeys != 1 {
		t.Fatalf("status = %+v, %v", s, err)
	}
	for want, key := range map[core.AppID]string{app.ID: key, other.ID: otherKey} {
		if found, ok := w.directory.AppByKey(tenant.DialectYunbox, key); !ok || found.ID != want {
			t.Errorf("the key of app %d is wrong after the retirement", want)
		}
	}
	// Without the note of a rotation nobody knows which hashes are old.
	must(t, w.ring.RotateTokenKey())
	_, err = w.RetireKeyring(ctx, rotation.Token, 1)
	refusedAs(t, err, "conflict", "rotate the token key once more")
}

func TestIndexRotationIsAJob(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	app, _ := w.app(t, "shop")
	w.sealRows(t, app.ID)
	release := w.hold()
	_, err := w.RotateKeyring(ctx, rotation.Index)
	must(t, err)
	var s rotation.Status
	for end := time.Now().Add(5 * time.Second); s.Index.Phase != "dual" && time.Now().Before(end); time.Sleep(time.Millisecond) {
		s, err = w.Keyring(ctx)
		must(t, err)
	}
	left := map[string]int64{}
	for _, r := range s.Index.Remaining {
		left[r.Table] = r.Rows
	}
	if !s.Index.Running || left["users"] != 2 || left["failure"] != 1 || left["verification"] != 1 {
		t.Errorf("status = %+v", s)
	}
	_, err = w.RotateKeyring(ctx, rotation.Index)
	refusedAs(t, err, "conflict", "under way")
	release()
	w.idle(t)
	s, err = w.Keyring(ctx)
	if err != nil || s.Index.Phase != "steady" || len(s.Index.Remaining) != 0 || s.Generation != 4 {
		t.Errorf("status = %+v, %v", s, err)
	}
	state, err := w.Number(ctx, app.ID, "13800138000")
	if err != nil || len(state.Counters) != 1 || state.Counters[0].Total != 3 {
		t.Errorf("the number's counters: %+v, %v", state, err)
	}
	// One for the request, and one for each of its changes of the keyring.
	if asked, changed := w.count(t, "keyring.rotate_index"), w.count(t, "keyring.index"); asked != 1 || changed != 3 {
		t.Errorf("%d and %d audit rows", asked, changed)
	}
}

// Fault pairs: whatever happens to the transaction, the keyring and its audit
// row go together, once.
func TestKeyringSurvivesEveryFault(t *testing.T) {
	changes := map[string]struct {
		action string
		ready  func(w *world) // brings about that the change is possible
		make   func(w *world) error
		turns  bool // the generation moves with it
	}{
		"rotate code":  {"keyring.rotate_code", nil, func(w *world) error { return second(w.RotateKeyring(context.Background(), rotation.Code)) }, true},
		"rotate field": {"keyring.rotate_field", nil, func(w *world) error { return second(w.RotateKeyring(context.Background(), rotation.Field)) }, true},
		"rotate token": {"keyring.rotate_token", nil, func(w *world) error { return second(w.RotateKeyring(context.Background(), rotation.Token)) }, true},
		"rotate index": {"keyring.rotate_index", nil, func(w *world) error { return second(w.RotateKeyring(context.Background(), rotation.Index)) }, false},
		"reseal":       {"keyring.reseal", nil, func(w *world) error { return second(w.ResealKeyring(context.Background())) }, false},
		"retire code": {"keyring.retire_code", func(w *world) { w.rotated(t, rotation.Code) },
			func(w *world) error { return second(w.RetireKeyring(context.Background(), rotation.Code, 1)) }, true},
		"retire field": {"keyring.retire_field", func(w *world) { w.rotated(t, rotation.Field) },
			func(w *world) error { return second(w.RetireKeyring(context.Background(), rotation.Field, 1)) }, true},
		"retire token": {"keyring.retire_token", func(w *world) { w.rotated(t, rotation.Token) },
			func(w *world) error { return second(w.RetireKeyring(context.Background(), rotation.Token, 1)) }, true},
	}
	faults := map[string]struct {
		fault  storetest.Fault
		before bool // nothing was changed, and the caller is told so
	}{
		"begin": {storetest.FailBegin, true}, "write": {storetest.FailWrite, false}, "not committed": {storetest.FailCommit, false},
		"lost": {storetest.FailCommitLost, false}, "kept": {storetest.FailCommitKept, false}, "again": {storetest.FailAgain, false},
	}
	for name, c := range changes {
		for how, f := range faults {
			if testing.Short() && (name != "rotate field" || how == "begin" || how == "write") {
				continue // the race detector needs no more of them
			}
			t.Run(name+"/"+how, func(t *testing.T) {
				w := newWorld(t)
				if c.ready != nil {
					c.ready(w)
				}
				release := w.hold() // jobs get no further than asked
				began := w.ring.Generation()
				w.engine.Inject(f.fault)
				err := c.make(w)
				if f.before {
					if err == nil || w.ring.Generation() != began || w.count(t, c.action) != 0 {
						t.Fatalf("error %v, generation %d → %d, %d audit rows", err, began, w.ring.Generation(), w.count(t, c.action))
					}
					err = c.make(w)
				}
				if err != nil || w.count(t, c.action) != 1 || w.engine.Pending() != 0 {
					t.Errorf("error %v, %d audit rows, %d faults left", err, w.count(t, c.action), w.engine.Pending())
				}
				if c.turns && (w.ring.Generation() != began+1 || w.bound(t) != began+1) {
					t.Errorf("generation %d → %d, bound to %d", began, w.ring.Generation(), w.bound(t))
				}
				release()
				w.idle(t)
			})
		}
	}
}

func second(_ rotation.Status, err error) error { return err }

func (w *world) rotated(t *testing.T, kind rotation.Kind) {
	t.Helper()
	_, err := w.RotateKeyring(context.Background(), kind)
	must(t, err)
	w.clock.move(rotation.Grace)
}

func (w *world) bound(t *testing.T) uint64 {
	t.Helper()
	var text string
	must(t, w.engine.View(context.Background(), func(q store.SQL) (err error) {
		text, _, err = records.Setting(context.Background(), q, "bound")
		return err
	}))
	n, err := strconv.ParseUint(text, 10, 64)
	must(t, err)
	return n
}

// The note is tried three times. Then the caller is told that nobody knows,
// and the change, which took effect, is noted with the next start or change.
func TestKeyringWhoseNoteFails(t *testing.T) {
	w := newWorld(t)
	w.engine.Inject(storetest.FailCommitLost, storetest.FailCommitLost, storetest.FailCommitLost)
	_, err := w.RotateKeyring(context.Background(), rotation.Code)
	refusedAs(t, err, "internal", "may have taken effect")
	if w.ring.Generation() != 2 || w.count(t, "keyring.rotate_code") != 0 {
		t.Errorf("generation %d, %d audit rows", w.ring.Generation(), w.count(t, "keyring.rotate_code"))
	}
	_, err = w.RotateKeyring(context.Background(), rotation.Code)
	must(t, err)
	if w.bound(t) != 3 {
		t.Errorf("bound to %d", w.bound(t))
	}
}
