package verify

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

const racers = 200

// race runs f in 200 goroutines that begin at once.
func race(f func(i int)) {
	var ready, done sync.WaitGroup
	release := make(chan struct{})
	for i := range racers {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-release
			f(i)
		})
	}
	ready.Wait()
	close(release)
	done.Wait()
}

// TestReq03_SingleUseUnderRace: of 200 who give the same right code exactly one
// is logged in, whichever commits they share (contracts/yunbox.md §9, row 9).
func TestReq03_SingleUseUnderRace(t *testing.T) {
	for _, batch := range []int{1, 7, 512} {
		for _, outside := range []bool{false, true} {
			t.Run(fmt.Sprintf("batches of %d, outside %v", batch, outside), func(t *testing.T) {
				engine := onDisk(t, t.TempDir())
				w := newWorld(t, setting{engine: engine, batch: batch, edit: func(a *tenant.App) { a.LoginPrice = 7 }})
				w.networks.outside = outside
				code := w.send(t, phone)
				var in, wrong atomic.Int64
				race(func(int) {
					_, err := w.login(phone, code)
					switch {
					case err == nil:
						in.Add(1)
					case core.KindOf(err) == core.KindWrongCode:
						wrong.Add(1)
					default:
						t.Error(err)
					}
				})
				if in.Load() != 1 || wrong.Load() != racers-1 {
					t.Errorf("%d logged in, %d were wrong; want 1 and %d", in.Load(), wrong.Load(), racers-1)
				}
				if paid := query(t, engine, "SELECT COUNT(*) FROM ledger WHERE amount = 7 AND kind = 3"); paid != 1 {
					t.Errorf("%d logins were paid for", paid)
				}
			})
		}
	}
}

// query is one number out of the database.
func query(tb testing.TB, e store.Engine, sql string, args ...any) (n int64) {
	tb.Helper()
	err := e.View(tb.Context(), func(q store.SQL) error {
		return q.Query(tb.Context(), sql, func(r store.Scanner) error { return r.Scan(&n) }, args...)
	})
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// oneNumber is the history of one number: sends, and logins with some code.
type oneNumber struct {
	send bool
	code core.Code // the code that came, or the one that was given
}

var singleUse = porcupine.Model{
	Init: func() any { return core.Code{} }, // the live code
	Step: func(state, input, output any) (bool, any) {
		in, live := input.(oneNumber), state.(core.Code)
		if in.send {
			return true, output.(oneNumber).code
		}
		right := in.code == live
		if output.(bool) {
			return right, core.Code{}
		}
		return !right, state
	},
	Equal: func(a, b any) bool { return a == b },
}

// TestReq03_Linearizable: sends and logins of one number by many at once are
// as if they had been made one after the other.
func TestReq03_Linearizable(t *testing.T) {
	w := newWorld(t, setting{engine: onDisk(t, t.TempDir()),
		policy: &guard.FailurePolicy{PerCode: 255, Pause: time.Hour, Consecutive: 60000, Lock: time.Hour, Total: 60000}})
	const clients, steps = 8, 12
	began := time.Now()
	stamp := func() int64 { return time.Since(began).Nanoseconds() }
	var mu sync.Mutex
	var history []porcupine.Operation
	var known []core.Code // codes that came so far
	var all sync.WaitGroup
	for client := range clients {
		random := rand.New(rand.NewPCG(3, uint64(client)))
		all.Go(func() {
			for range steps {
				op := porcupine.Operation{ClientId: client}
				mu.Lock()
				in := oneNumber{send: len(known) == 0 || random.IntN(4) == 0}
				if !in.send {
					in.code = known[len(known)-1-random.IntN(min(3, len(known)))]
				}
				mu.Unlock()
				op.Call = stamp()
				if in.send {
					in.code = sendAlone(t, w, client)
					op.Output = in
				} else {
					_, err := w.login(phone, in.code)
					if err != nil && core.KindOf(err) != core.KindWrongCode {
						t.Error(err)
					}
					op.Output = err == nil
				}
				op.Return = stamp()
				op.Input = oneNumber{send: in.send, code: in.code}
				mu.Lock()
				history = append(history, op)
				if in.send {
					known = append(known, in.code)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if got := porcupine.CheckOperationsTimeout(singleUse, history, 30*time.Second); got != porcupine.Ok {
		t.Errorf("the history of %d calls is %s", len(history), got)
	}
}

// sendAlone asks for a code and finds the message that this call made.
func sendAlone(t *testing.T, w *world, client int) core.Code {
	started, err := w.start(phone)
	if err != nil {
		t.Errorf("client %d: %v", client, err)
		return core.Code{}
	}
	w.phones.mu.Lock()
	defer w.phones.mu.Unlock()
	for _, out := range w.phones.sent {
		if out.Row.Verification == started.Verification {
			return codeIn(out.Text)
		}
	}
	t.Error("a code that was sent did not come")
	return core.Code{}
}

// counted notes every comparison with a live code.
type counted struct {
	codeChecker
	compared, absent atomic.Int64
}

func (c *counted) CheckCode(x keyring.CodeContext, tag keyring.CodeTag, guess core.Code) bool {
	c.compared.Add(1)
	return c.codeChecker.CheckCode(x, tag, guess)
}

func (c *counted) CheckAbsent(x keyring.CodeContext, guess core.Code) bool {
	c.absent.Add(1)
	return c.codeChecker.CheckAbsent(x, guess)
}

// TestReq04_FiveComparisons: of 200 guesses at once at most five are compared
// with the code, which is dead then.
func TestReq04_FiveComparisons(t *testing.T) {
	for _, batch := range []int{1, 7, 512} {
		t.Run(fmt.Sprintf("batches of %d", batch), func(t *testing.T) {
			checker := &counted{}
			engine := onDisk(t, t.TempDir())
			w := newWorld(t, setting{engine: engine, batch: batch,
				checker: func(c codeChecker) codeChecker { checker.codeChecker = c; return checker }})
			code := w.send(t, phone)
			race(func(int) {
				if _, err := w.login(phone, wrongOf(code)); core.KindOf(err) != core.KindWrongCode {
					t.Error(err)
				}
			})
			if got := checker.compared.Load(); got != 5 {
				t.Errorf("%d guesses were compared, want 5", got)
			}
			if got := checker.compared.Load() + checker.absent.Load(); got != racers {
				t.Errorf("%d guesses cost a comparison, want all %d", got, racers)
			}
			_, err := w.login(phone, code)
			wantKind(t, err, core.KindWrongCode)
			if n := query(t, engine, "SELECT recent FROM failure"); n != 5 {
				t.Errorf("the number's counter is at %d, want 5", n)
			}
		})
	}
}

// TestReq04_CrashBetweenCountAndCompare: the try is counted in the commit in
// which it is compared. When that commit fails the guesser learns nothing,
// whether the code was right or not; when it happened all the same the count
// is kept.
func TestReq04_CrashBetweenCountAndCompare(t *testing.T) {
	for _, c := range []struct {
		name    string
		fault   storetest.Fault
		counted uint8
	}{
		{"fail and not persist, known", storetest.FailCommit, 0},
		{"fail and not persist", storetest.FailCommitLost, 0},
		{"fail but persist", storetest.FailCommitKept, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			answers := map[bool]string{}
			for _, right := range []bool{true, false} {
				faulty := &storetest.Faulty{}
				w := newWorld(t, setting{wrap: func(e store.Engine) store.Engine { faulty.Engine = e; return faulty }})
				code := w.send(t, phone)
				guess := code
				if !right {
					guess = wrongOf(code)
				}
				faulty.Inject(c.fault)
				_, err := w.login(phone, guess)
				wantKind(t, err, core.KindInternal)
				answers[right] = err.Error()
				if right {
					continue
				}
				for _, v := range w.rows().Verifications {
					if v.Wrong != c.counted {
						t.Errorf("the code's count is %d, want %d", v.Wrong, c.counted)
					}
				}
				_, err = w.login(phone, code) // and it goes on
				wantOK(t, err)
			}
			if answers[true] != answers[false] {
				t.Errorf("the failure tells a right code (%s) from a wrong one (%s)", answers[true], answers[false])
			}
		})
	}
}
