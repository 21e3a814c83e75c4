package verify

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
)

// guesser sees what an attacker of one number sees, and counts what was really
// compared and was wrong.
type guesser struct {
	*world
	checker      *counted
	code         core.Code // the newest one; zero: none was sent yet
	sinceSuccess int64     // wrong comparisons since the last success
	sinceLock    int64     // … since the last success or the last day's lock
	lockedAt     time.Time // when the day's lock began; zero: none is on
	disabled     bool
	worst        int64 // the highest sinceSuccess ever was
}

// TestReq05_FailuresAcrossCodes: whatever is sent, tried, resent, left to
// expire or waited for, no number takes more than 20 wrong tries without a
// day's pause, nor more than 100 at all; only a success resets.
func TestReq05_FailuresAcrossCodes(tb *testing.T) {
	ring := newRing(tb)
	worst := int64(0)
	for range 5 {
		rapid.Check(tb, func(t *rapid.T) {
			g := newGuesser(tb, ring)
			defer g.batcher.Stop()
			t.Repeat(map[string]func(*rapid.T){
				"send":         g.sendOne,
				"wrong":        g.wrongOne,
				"five wrong":   g.fiveWrong,
				"days of it":   g.daysOfIt,
				"right":        g.rightOne,
				"a second":     func(*rapid.T) { g.clock.advance(time.Second) },
				"let expire":   func(*rapid.T) { g.clock.advance(5 * time.Minute) },
				"pause":        func(*rapid.T) { g.clock.advance(15 * time.Minute) },
				"almost a day": func(*rapid.T) { g.clock.advance(24*time.Hour - time.Nanosecond) },
				"":             g.bounded,
			})
			worst = max(worst, g.worst)
		})
	}
	if worst != 100 {
		tb.Errorf("the machine never got beyond %d wrong tries: it proves little", worst)
	}
}

func newGuesser(tb *testing.T, ring *keyring.Ring) *guesser {
	g := &guesser{checker: &counted{}}
	g.world = newWorld(tb, setting{ring: ring, checker: func(c codeChecker) codeChecker { g.checker.codeChecker = c; return g.checker }})
	return g
}

func (g *guesser) sendOne(t *rapid.T) {
	_, err := g.start(phone)
	if err == nil {
		g.code = codeIn(g.phones.sent[len(g.phones.sent)-1].Text)
		if g.disabled || !g.lockedAt.IsZero() && g.clock.now().Sub(g.lockedAt) < 24*time.Hour {
			t.Fatal("a locked number got a code")
		}
		return
	}
	if e := core.AsError(err); e.Kind != core.KindLocked || e.RetryAfter <= 0 {
		t.Fatal(err)
	}
}

func (g *guesser) guess(t *rapid.T, code core.Code) bool {
	before := g.checker.compared.Load()
	_, err := g.Login(context.Background(), LoginRequest{App: g.app, Phone: phone, Code: code})
	if err != nil && core.KindOf(err) != core.KindWrongCode {
		t.Fatal(err)
	}
	if err == nil {
		g.sinceSuccess, g.sinceLock, g.lockedAt = 0, 0, time.Time{}
		return true
	}
	if g.checker.compared.Load() == before {
		return false // refused unseen
	}
	if !g.lockedAt.IsZero() && g.clock.now().Sub(g.lockedAt) >= 24*time.Hour {
		g.sinceLock, g.lockedAt = 0, time.Time{}
	}
	g.sinceSuccess++
	g.worst = max(g.worst, g.sinceSuccess)
	if g.sinceLock++; g.sinceLock == 20 {
		g.lockedAt = g.clock.now()
	}
	g.disabled = g.sinceSuccess == 100
	return false
}

func (g *guesser) wrongOne(t *rapid.T) { g.guess(t, wrongOf(g.code0())) }

func (g *guesser) fiveWrong(t *rapid.T) {
	g.sendOne(t)
	for range 5 {
		g.wrongOne(t)
	}
}

// daysOfIt is a patient attacker.
func (g *guesser) daysOfIt(t *rapid.T) {
	for range rapid.IntRange(1, 30).Draw(t, "rounds") {
		g.fiveWrong(t)
		g.clock.advance(rapid.SampledFrom([]time.Duration{15 * time.Minute, 24 * time.Hour}).Draw(t, "wait"))
	}
}

func (g *guesser) rightOne(t *rapid.T) {
	wasDisabled := g.disabled
	if g.guess(t, g.code0()) && wasDisabled {
		t.Fatal("a disabled number logged in")
	}
}

func (g *guesser) code0() core.Code {
	if g.code == (core.Code{}) {
		return core.CodeFromDigits("000000")
	}
	return g.code
}

func (g *guesser) bounded(t *rapid.T) {
	if g.sinceLock > 20 || g.sinceSuccess > 100 {
		t.Fatalf("%d wrong tries were compared without a day's lock, %d without a success", g.sinceLock, g.sinceSuccess)
	}
}

// TestReq05_TheWholeLadder walks it once: 5 and 15 minutes, 20 and a day, 100
// and the end; a resend changes nothing of that.
func TestReq05_TheWholeLadder(t *testing.T) {
	w := newWorld(t, setting{})
	for try := 1; try <= 100; try++ {
		if (try-1)%5 == 0 {
			w.send(t, phone)
			w.send(t, phone) // the resend resets nothing
		}
		_, err := w.login(phone, wrongOf(w.phones.last(t)))
		wantKind(t, err, core.KindWrongCode)
		if try%5 != 0 {
			continue
		}
		want := 15 * time.Minute
		if try%20 == 0 {
			want = 24 * time.Hour
		}
		_, err = w.start(phone)
		wantKind(t, err, core.KindLocked)
		if got := core.AsError(err).RetryAfter; got != want {
			t.Fatalf("after %d wrong tries: retry in %v, want %v", try, got, want)
		}
		if try == 100 {
			break
		}
		w.clock.advance(want - 1)
		_, err = w.start(phone)
		wantKind(t, err, core.KindLocked)
		w.clock.advance(1)
	}
	w.clock.advance(10 * 365 * 24 * time.Hour)
	_, err := w.start(phone)
	wantKind(t, err, core.KindLocked)
}
