package verify

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/tenant"
)

// caller sends and logs in, again and again, with numbers of its own. Its lock
// is held during each request, so that a rotation can wait for it.
type caller struct {
	request sync.Mutex
	w       *world
	phones  []core.Phone
	users   map[core.Phone]core.UserID
}

// round is one send and one login of every number, a wrong try between.
func (c *caller) round(fresh core.Phone) error {
	for _, p := range append([]core.Phone{fresh}, c.phones...) {
		started, err := c.start(p)
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
		code := c.w.phones.of(started.Verification)
		if _, err := c.login(p, wrongOf(code)); core.KindOf(err) != core.KindWrongCode {
			return fmt.Errorf("a wrong code: %w", err)
		}
		in, err := c.login(p, code)
		if err != nil {
			return fmt.Errorf("login: %w", err)
		}
		if have, known := c.users[p]; known && have != in.User {
			return fmt.Errorf("the number's user was %d and is %d", have, in.User)
		}
		c.users[p] = in.User
	}
	return nil
}

func (c *caller) start(p core.Phone) (Started, error) {
	c.request.Lock()
	defer c.request.Unlock()
	return c.w.start(p)
}

func (c *caller) login(p core.Phone, code core.Code) (LoggedIn, error) {
	c.request.Lock()
	defer c.request.Unlock()
	return c.w.login(p, code)
}

// of is the code of a verification; its message is forgotten.
func (p *phones) of(id core.VerificationID) core.Code {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, out := range p.sent {
		if out.Row.Verification == id {
			p.sent[i] = p.sent[len(p.sent)-1]
			p.sent = p.sent[:len(p.sent)-1]
			return codeIn(out.Text)
		}
	}
	return core.Code{}
}

// TestReq11_IndexRotationUnderLoad: two rotations, one after the other, while
// others send and log in: no login fails, every number keeps its user, a lock
// stays, a code that was sent before is right after, and the retired keys find
// nothing.
func TestReq11_IndexRotationUnderLoad(t *testing.T) {
	engine := onDisk(t, t.TempDir())
	path := filepath.Join(t.TempDir(), "keyring.json")
	ring, err := keyring.Create(path, rand.Reader, epoch)
	wantOK(t, err)
	w := newWorld(t, setting{engine: engine, ring: ring, edit: func(a *tenant.App) { a.CodeLife = 10 * time.Minute }})
	const literal = "12345678910"
	testUser, err := w.LoginTest(context.Background(), w.app, literal)
	wantOK(t, err)
	locked, waiting := core.PhoneFromE164("+8615500000001"), core.PhoneFromE164("+8615500000002")
	lockForADay(t, w, locked)
	waitingCode := w.send(t, waiting) // sent before, answered after

	callers := make([]*caller, 6)
	var stop atomic.Bool
	var rounds atomic.Int64
	var all sync.WaitGroup
	for i := range callers {
		c := &caller{w: w, users: map[core.Phone]core.UserID{}}
		for n := range 3 {
			c.phones = append(c.phones, core.PhoneFromE164(fmt.Sprintf("+861380000%02d%02d", i, n)))
		}
		callers[i] = c
		all.Go(func() {
			for n := 0; !stop.Load(); n++ {
				if err := c.round(core.PhoneFromE164(fmt.Sprintf("+86139%02d%06d", i, n))); err != nil {
					t.Errorf("caller %d, round %d: %v", i, n, err)
					return
				}
				rounds.Add(1)
			}
		})
	}
	// settled waits for each caller's present request, and for some more work in
	// the phase that was reached; callers go on meanwhile.
	settled := func(context.Context) error {
		for _, c := range callers {
			c.request.Lock()
			c.request.Unlock() //nolint:staticcheck // the wait is the point
		}
		awaitRounds(t, &rounds, 12)
		return nil
	}
	job := account.NewIndexRotation(account.RotationOptions{Store: w.batcher, Database: engine, Ring: ring, Now: w.clock.now, Log: quiet, Settled: settled})
	numbers := append([]core.Phone{locked, waiting}, callers[0].phones...)
	for turn := range 2 {
		awaitRounds(t, &rounds, 12)
		retired := map[core.Phone]core.IndexValue{}
		for _, p := range numbers {
			retired[p] = ring.Index(p).Lookup()
		}
		if err := job.Rotate(context.Background()); err != nil {
			t.Fatal(err)
		}
		awaitRounds(t, &rounds, 12)
		if state := ring.IndexState(); state.Phase != keyring.IndexSteady || state.ByB != (turn == 0) {
			t.Fatalf("after rotation %d the index is %+v", turn+1, state)
		}
		for p, value := range retired {
			if ring.Index(p).Lookup() == value {
				t.Fatal("the key is the old one")
			}
			wantNotIndexed(t, engine, value)
		}
		wantKind(t, second(w.start(locked)), core.KindLocked)
	}
	stop.Store(true)
	all.Wait()

	wantOK(t, second(w.login(waiting, waitingCode)))
	wantKind(t, second(w.start(locked)), core.KindLocked)
	again, err := w.LoginTest(context.Background(), w.app, literal)
	if err != nil || again.User != testUser.User {
		t.Errorf("the test user was %d and is %d, %v", testUser.User, again.User, err)
	}
	if n := query(t, engine, "SELECT COUNT(*) FROM users WHERE idx_b IS NOT NULL OR idx_a IS NULL"); n != 0 {
		t.Errorf("%d users have the wrong side", n)
	}
	reopened, err := keyring.Open(path, rand.Reader)
	wantOK(t, err)
	if reopened.Index(locked) != ring.Index(locked) {
		t.Error("the file has other keys than the process")
	}
}

func lockForADay(t *testing.T, w *world, p core.Phone) {
	t.Helper()
	for range 4 {
		code := w.send(t, p)
		for range 5 {
			wantKind(t, second(w.login(p, wrongOf(code))), core.KindWrongCode)
		}
		w.clock.advance(15 * time.Minute)
	}
}

// awaitRounds waits for so many more rounds of the callers.
func awaitRounds(t *testing.T, rounds *atomic.Int64, n int64) {
	deadline := time.Now().Add(time.Minute)
	for until := rounds.Load() + n; rounds.Load() < until; time.Sleep(time.Millisecond) {
		if t.Failed() || time.Now().After(deadline) {
			return
		}
	}
}

// wantNotIndexed: nothing is found by a value, on either side.
func wantNotIndexed(t *testing.T, engine *sqlite.Engine, value core.IndexValue) {
	t.Helper()
	for _, table := range []string{"users", "failure", "verification"} {
		n := query(t, engine, "SELECT COUNT(*) FROM "+table+" WHERE idx_a = $1 OR idx_b = $1", value[:])
		if table == "verification" {
			n = query(t, engine, "SELECT COUNT(*) FROM verification WHERE (idx_a = $1 OR idx_b = $1) AND state IN (0, 1)", value[:])
		}
		if n != 0 {
			t.Errorf("%d rows of %s are found by a retired key", n, table)
		}
	}
}
