package fraud

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
)

func TestPrefixOf(t *testing.T) {
	for number, want := range map[string]uint64{
		"+8613800138000": 8613800, "+85251234567": 852512, "+6591234567": 65912, "+12025550123": 120255,
		"+6281234567890": 6281234, "+29012345": 290, "": 0, "+123": 0,
	} {
		if got := PrefixOf(core.PhoneFromE164(number)); got != want {
			t.Errorf("%q: %d, want %d", number, got, want)
		}
	}
}

// Of a prefix that nobody knows sixteen codes may be on their way: the next is
// challenged, and who solves challenges is blocked at the twenty-second.
func TestReq23_PumpingStops(t *testing.T) {
	for name, c := range map[string]struct {
		solved bool
		apart  time.Duration
		passed int
	}{
		"at once":                 {false, 0, 16},
		"at once, solved":         {true, 0, 22},
		"every 2 minutes":         {false, 2 * time.Minute, 16 + 12},
		"every 2 minutes, solved": {true, 2 * time.Minute, 22 + 12},
	} {
		e, passed := New(Options{}), 0
		for i := range many(10_000) {
			s := pumped(i)
			s.Challenged = c.solved
			if d := e.Admit(epoch.Add(time.Duration(i)*c.apart), s); d.Outcome == Allow {
				passed++
			}
		}
		if passed > c.passed {
			t.Errorf("%s: %d of 10,000 passed, want at most %d", name, passed, c.passed)
		}
	}
}

// The row's own rule, where the level alone says nothing: a prefix that has
// many codes entered, then converts at 9 and at 2 %.
func TestReq23_ConversionRule(t *testing.T) {
	for _, c := range []struct {
		verified int
		want     Outcome
	}{{0, Block}, {2, Block}, {3, Challenge}, {9, Challenge}, {10, Allow}} {
		p := DefaultPolicy()
		p.Prefix.Unverified = Threshold{Challenge: 1e6, Block: 2e6} // only the conversion speaks
		e := New(Options{Policy: p})
		for i := range 100 {
			e.Sent(epoch, Subject{Tenant: 1, Prefix: 8617799, Number: uint64(i) + 1})
		}
		for i := range c.verified {
			e.Verified(epoch.Add(time.Minute), Subject{Tenant: 1, Prefix: 8617799, Number: uint64(i) + 1})
		}
		one := Subject{Tenant: 1, Prefix: 8617799, Number: 1000}
		if d := e.Judge(epoch.Add(time.Minute), one); d.Found != Allow {
			t.Errorf("%d %%: codes of the last two minutes count as failures: %v", c.verified, d.Reasons())
		}
		d := e.Judge(epoch.Add(4*time.Minute), one)
		if d.Found != c.want {
			t.Errorf("%d of 100 entered: %s, want %s", c.verified, d.Found, c.want)
		}
		if d.Found != Allow && (d.Reasons()[0].Rule != Conversion || !strings.Contains(d.Reasons()[0].String(), "100 sent")) {
			t.Errorf("%d of 100 entered: %s", c.verified, d.Reasons()[0])
		}
	}
}

// Codes that are entered drain: a busy prefix is never stopped, and its threshold
// follows what is usual of it.
func TestEnteredCodesDrain(t *testing.T) {
	e := New(Options{})
	for i := range many(50_000) {
		now := epoch.Add(time.Duration(i) * 200 * time.Millisecond)
		s := pumped(i)
		if d := e.Admit(now, s); d.Outcome != Allow {
			t.Fatalf("code %d: %s", i, d.Reasons()[0])
		}
		if i >= 10 && i%10 < 8 { // 2 s later, eight of ten
			e.Verified(now, pumped(i-10))
		}
	}
}

// The probe after a hold is let through; when it is entered all is forgotten.
func TestReq23_RightCodeRestores(t *testing.T) {
	e := New(Options{})
	flood(e, epoch, 17, pumped)
	if d := e.Judge(epoch.Add(29*time.Minute), pumped(99)); d.Found != Challenge {
		t.Fatalf("held: %s", d.Found)
	}
	later := epoch.Add(31 * time.Minute)
	if got := flood(e, later, 3, func(i int) Subject { return pumped(500 + i) }); got != [3]int{1, 2, 0} {
		t.Fatalf("after the hold: %v, want one probe", got)
	}
	e.Verified(later.Add(time.Minute), pumped(500))
	if got := flood(e, later.Add(time.Minute), 5, func(i int) Subject { return pumped(600 + i) }); got[Allow] != 5 {
		t.Errorf("after the probe was entered: %v", got)
	}
}

// Ten addresses and a thousand of them guess: a breaker of the range, then of
// the app. Who answers from where the code was asked is not held back.
func TestReq24_SprayingStops(t *testing.T) {
	for name, ranges := range map[string]int{"five ranges": 5, "ten thousand ranges": 10_000} {
		e, compared := New(Options{}), 0
		person := someone(7)
		e.Sent(epoch, person)
		for i := range many(20_000) {
			s := Subject{Tenant: 1, App: 1, Number: uint64(i) + 1000, Challenged: true,
				IP: netip.AddrFrom4([4]byte{byte(50 + i%ranges/256/16), byte(i % ranges / 256), byte(i % ranges), 1})}
			if d := e.JudgeCheck(epoch, s); d.Outcome == Allow {
				compared++
				e.Failed(epoch, s)
			}
		}
		if compared >= 1000 {
			t.Errorf("%s: %d guesses were compared", name, compared)
		}
		person.Challenged = true
		if d := e.JudgeCheck(epoch.Add(time.Minute), person); d.Outcome != Allow {
			t.Errorf("%s: a person with a code is refused: %s", name, d.Reasons()[0])
		}
		if other := (Subject{Tenant: 2, App: 2, Number: 5, IP: person.IP}); e.JudgeCheck(epoch, other).Found != Allow || e.Judge(epoch, other).Found != Allow {
			t.Errorf("%s: another tenant feels it", name)
		}
	}
}

// Right codes of the attacker's own numbers buy few guesses.
func TestReq24_OwnNumbersBuyLittle(t *testing.T) {
	e, compared := New(Options{}), 0
	for i := range 5000 {
		s := someone(i)
		s.IP = netip.MustParseAddr("192.0.2.1")
		if i%10 == 0 { // one right code for nine guesses
			e.Sent(epoch, s)
			e.Verified(epoch, s)
			continue
		}
		if e.JudgeCheck(epoch, s).Outcome == Allow {
			compared++
			e.Failed(epoch, s)
		}
	}
	if compared > 500 {
		t.Errorf("%d guesses from one address were compared", compared)
	}
}

func TestConcurrentSendsDoNotOvershoot(t *testing.T) {
	e := New(Options{})
	var passed atomic.Int64
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			if e.Admit(epoch, pumped(i)).Outcome == Allow {
				passed.Add(1)
			}
		})
	}
	all.Wait()
	if passed.Load() != 16 {
		t.Errorf("%d passed, want 16", passed.Load())
	}
}

func TestGiveBack(t *testing.T) {
	e := New(Options{})
	for i := range 1000 {
		if d := e.Admit(epoch, pumped(i)); d.Outcome != Allow {
			t.Fatalf("code %d: %s", i, d.Reasons()[0])
		}
		e.GiveBack(epoch, pumped(i))
	}
	if left := e.Levels(epoch, 10); len(left) != 0 {
		t.Errorf("levels are left: %+v", left)
	}
}

// Codes that an app makes and compares itself are nobody's unverified codes; but a
// prefix that is held is held for them too.
func TestCodesOfTheCallers(t *testing.T) {
	e := New(Options{})
	own := func(i int) Subject { s := pumped(i); s.Elsewhere = true; return s }
	if got := flood(e, epoch, 500, own); got[Allow] != 500 || len(e.Levels(epoch, 1)) != 0 {
		t.Errorf("codes of the callers': %v", got)
	}
	e.GiveBack(epoch, own(1))
	flood(e, epoch, 17, pumped)
	if got := flood(e, epoch, 1, own); got[Challenge] != 1 {
		t.Errorf("under an attack: %v", got)
	}
}

func TestListsAndRecording(t *testing.T) {
	listed := someone(1)
	for name, l := range map[string]Lists{
		"number":  {Numbers: map[uint64]struct{}{listed.Number: {}}},
		"prefix":  {Prefixes: []string{"86130"}},
		"network": {Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}},
		"app":     {Apps: []core.AppID{1}},
	} {
		e := New(Options{})
		e.SetLists(l)
		if got := flood(e, epoch, 100, func(int) Subject { return listed }); got[Allow] != 100 {
			t.Errorf("%s: %v", name, got)
		}
		if len(e.Levels(epoch, 10)) != 0 {
			t.Errorf("%s: what is always allowed is counted", name)
		}
	}
	e := New(Options{})
	got := flood(e, epoch, 100, func(i int) Subject { s := pumped(i); s.Record = true; return s })
	if st := e.Stats(); got[Allow] != 100 || st.Blocked != 100-22 || st.Challenged != 22-16 {
		t.Errorf("recording: %v, %+v", got, st)
	}
	found := e.Findings(epoch.Add(time.Minute))
	if len(found) != 2 || found[0].Count != 78 || found[0].Passed != 78 || found[0].Outcome != Block || found[0].Reason.Subject != (Key{Prefix, 1, 8617799}) {
		t.Errorf("findings: %+v", found)
	}
	if text := found[0].Reason.String(); !strings.HasPrefix(text, "block: prefix +8617799 of tenant 1: unverified 22.0 of 16.0; 30 minutes: 22 sent, 0 entered") {
		t.Error(text)
	}
	if again := e.Findings(epoch.Add(time.Minute)); len(again) != 0 {
		t.Errorf("findings are told twice: %+v", again)
	}
}

// Neither many numbers nor random addresses make it grow, and no attack writes
// more than a thousand findings.
func TestMemoryIsBounded(t *testing.T) {
	p := DefaultPolicy()
	p.Range.Most, p.Wide.Most, p.Prefix.Most = 640, 640, 640
	e := New(Options{Policy: p})
	stuck := pumped(0)
	flood(e, epoch, 30, pumped)
	for i := range many(50_000) {
		var b [16]byte
		b[0], b[4], b[5], b[6], b[7] = 0x20, byte(i>>24), byte(i>>16), byte(i>>8), byte(i)
		s := Subject{Tenant: 1, App: 1, Country: "CN", Prefix: uint64(1e6 + i), Number: uint64(i), IP: netip.AddrFrom16(b)}
		e.Sent(epoch.Add(time.Duration(i)*time.Millisecond), s)
		e.note(epoch, &s, &Decision{Found: Block, n: 1, why: [mostKeys]Reason{{Subject: Key{Prefix, 1, uint64(i)}}}})
	}
	st := e.Stats()
	for kind, n := range st.Kept {
		if n > 1300 {
			t.Errorf("%d of kind %s are kept", n, kind)
		}
	}
	if st.Evicted == 0 {
		t.Error("nobody made room")
	}
	untold := 0
	for i := range e.shards {
		untold += len(e.shards[i].untold)
	}
	if most := shards * 2 * e.shards[0].room(); untold > most || untold == 0 { // no node ever asked
		t.Errorf("%d subjects wait to be told of, want at most %d", untold, most)
	}
	if d := e.Judge(epoch.Add(time.Minute), stuck); d.Found == Allow {
		t.Error("a hold was forgotten for others' sake")
	}
	if n := len(e.Findings(epoch.Add(time.Hour))); n > mostFindings+2 {
		t.Errorf("%d findings", n)
	}
}

// A clock that is set back holds nobody longer than HoldMost, one that jumps
// ahead forgets.
func TestClockJumps(t *testing.T) {
	e := New(Options{})
	flood(e, epoch, 30, pumped)
	if d := e.Judge(epoch.Add(-time.Hour), pumped(99)); d.Found == Allow {
		t.Error("set back an hour: open")
	}
	back := epoch.AddDate(-1, 0, 0)
	e.Judge(back, pumped(99))
	if d := e.Judge(back.Add(49*time.Hour), pumped(99)); d.Found != Allow {
		t.Errorf("set back a year: held: %s", d.Reasons()[0])
	}
	if d := e.Judge(epoch.AddDate(1, 0, 0), pumped(99)); d.Found != Allow {
		t.Errorf("a year ahead: %s", d.Reasons()[0])
	}
}

func TestNothingIsAllocated(t *testing.T) {
	e, i := New(Options{}), 0
	flood(e, epoch, 1000, someone)
	if n := testing.AllocsPerRun(1000, func() {
		i++
		s := someone(i % 1000)
		e.Admit(epoch, s)
		e.JudgeCheck(epoch, s)
		e.Verified(epoch, s)
	}); n > 0 {
		t.Errorf("%v allocations a flow", n)
	}
}

func BenchmarkFlow(b *testing.B) {
	e := New(Options{})
	for i := range b.N {
		now, s := epoch.Add(time.Duration(i)*100*time.Microsecond), someone(i)
		s.IP = netip.MustParseAddr("127.0.0.1")
		if d := e.Admit(now, s); d.Outcome != Allow {
			b.Fatal(d.Reasons()[0])
		}
		e.JudgeCheck(now, s)
		e.Verified(now, s)
	}
}
