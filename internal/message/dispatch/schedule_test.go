package dispatch

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store/storetest"
	"yanma.dev/yanma/internal/tenant"
)

func (w *world) scheduler() *Scheduler {
	return NewScheduler(SchedulerOptions{Service: w.Service, Apps: w.directory, Log: quiet, Interval: time.Millisecond})
}

func (w *world) at(after time.Duration, to ...Recipient) ScheduleRequest {
	return ScheduleRequest{Request: w.request(w.notice), SendAt: w.clock.now().Add(after), Recipients: to}
}

// TestSchedule: sent at its time with the ids that it was given, not before; then
// it can be read and not be changed (contracts/jsms.md §7).
func TestSchedule(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		loop := w.scheduler()
		made, err := w.Schedule(ctx, w.at(time.Hour, named(1, "张三")))
		ok(t, err)
		w.wantBalances(map[string]int64{"general": 1000}) // debited at its time
		view, err := w.FindSchedule(ctx, w.app.ID, made.ID)
		ok(t, err)
		if len(view.Recipients) != 1 || view.Sent || view.Template != "11" || view.SendAt.Format(ScheduleLayout) != "2026-03-01 13:00:00" ||
			view.Recipients[0].Literal != "13800000001" || view.Recipients[0].Params["name"] != "张三" || view.Recipients[0].Number != made.Results[0].Number {
			t.Errorf("%+v", view)
		}
		w.clock.move(time.Hour - time.Millisecond)
		ok(t, loop.pass(ctx))
		if w.carrier.count() != 0 {
			t.Fatal("sent before its time")
		}
		w.clock.move(time.Millisecond)
		ok(t, loop.pass(ctx))
		ok(t, loop.pass(ctx))
		if out := w.carrier.last(); w.carrier.count() != 1 || out.Row.ID != made.Results[0].Message || out.Text != "【极光推送】您好，张三" || out.To != number(1) ||
			out.Params["name"] != "张三" {
			t.Errorf("%d sent: %+v", w.carrier.count(), out)
		}
		w.wantBalances(map[string]int64{"general": 999})
		view, err = w.FindSchedule(ctx, w.app.ID, made.ID)
		if ok(t, err); !view.Sent || len(view.Recipients) != 1 {
			t.Errorf("a sent one: %+v", view)
		}
		_, err = w.Reschedule(ctx, made.ID, w.at(time.Hour, named(1, "李四")))
		wantKind(t, err, core.KindWrongState, "schedule")
		wantKind(t, w.DeleteSchedule(ctx, w.app.ID, made.ID), core.KindWrongState, "schedule")
	})
}

// TestChangeAndDelete: PUT replaces recipients, time and ids; DELETE ends it; who
// may not is told that there is none.
func TestChangeAndDelete(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		loop := w.scheduler()
		r := w.at(time.Hour, named(1, "a"), named(2, "b"), Recipient{Err: core.E(core.KindInvalidPhone, "")})
		r.Several, r.Tag = true, "标签"
		made, err := w.Schedule(ctx, r)
		ok(t, err)
		wantKind(t, made.Results[2].Err, core.KindInvalidPhone, "")
		single := w.at(2*time.Hour, named(3, "c"))
		_, err = w.Reschedule(ctx, made.ID, single)
		wantKind(t, err, core.KindNotFound, "schedule") // the other call's
		single.Several = true
		changed, err := w.Reschedule(ctx, made.ID, single)
		ok(t, err)
		if changed.ID != made.ID || changed.Results[0].Message == made.Results[0].Message {
			t.Errorf("%+v", changed)
		}
		for _, id := range []string{"1a886e7c-a267-49e6-9970-0d396ca5bb1e", "no uuid", ""} {
			_, err := w.Reschedule(ctx, id, single)
			wantKind(t, err, core.KindNotFound, "schedule")
			wantKind(t, w.DeleteSchedule(ctx, w.app.ID, id), core.KindNotFound, "schedule")
			_, err = w.FindSchedule(ctx, w.app.ID, id)
			wantKind(t, err, core.KindNotFound, "schedule")
		}
		_, err = w.FindSchedule(ctx, w.app.ID+1, made.ID)
		wantKind(t, err, core.KindNotFound, "schedule")
		w.clock.move(time.Hour)
		ok(t, loop.pass(ctx))
		if w.carrier.count() != 0 {
			t.Error("sent at the time that was replaced")
		}
		ok(t, w.DeleteSchedule(ctx, w.app.ID, made.ID))
		wantKind(t, w.DeleteSchedule(ctx, w.app.ID, made.ID), core.KindWrongState, "schedule")
		_, err = w.Reschedule(ctx, made.ID, single)
		wantKind(t, err, core.KindNotFound, "schedule")
		_, err = w.FindSchedule(ctx, w.app.ID, made.ID)
		wantKind(t, err, core.KindNotFound, "schedule")
		w.clock.move(2 * time.Hour)
		ok(t, loop.pass(ctx))
		if w.carrier.count() != 0 || w.count(`SELECT COUNT(*) FROM schedule_recipient`) != 0 {
			t.Error("a deleted one was sent")
		}
	})
}

// TestSendTime is contracts/jsms.md §7: yyyy-MM-dd HH:mm:ss in Asia/Shanghai, in
// the future, at most 365 days ahead.
func TestSendTime(t *testing.T) {
	for text, want := range map[string]bool{
		"2026-03-01 12:00:01": true, "2026-03-01 12:00:00": false, "2026-03-01 11:59:59": false, "2027-03-01 12:00:00": true, "2027-03-01 12:00:01": false,
		"": false, "2026-03-02": false, "2026-02-30 12:00:00": false, "2026-03-01T12:00:01": false, "2026-03-01 12:00:01 ": false, "2026-3-2 12:00:01": false,
	} {
		at, err := ParseSendTime(text, epoch) // 12:00 in China
		if (err == nil) != want {
			t.Errorf("%q: %v, %v", text, at, err)
		}
	}
	w := newWorld(t, openSQLite(t))
	for _, after := range []time.Duration{0, -time.Second, 365*24*time.Hour + 1} {
		_, err := w.Schedule(ctx, w.at(after, named(1, "x")))
		wantKind(t, err, core.KindBadField, "send_time")
	}
}

// TestRefusedAtItsTime: who can not be paid or is over a limit then is stored as
// dead, with 4005 or 4006, and the app is told (contracts/jsms.md §7).
func TestRefusedAtItsTime(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		dialects := []tenant.Dialect{tenant.DialectJSMS}
		_, err := w.admin.UpdateApp(ctx, byMe, w.app.ID, tenant.Patch{Dialects: &dialects})
		ok(t, err)
		loop := w.scheduler()
		told := w.count(`SELECT COUNT(*) FROM event WHERE kind = 1`)
		_, err = w.Schedule(ctx, w.at(time.Hour, named(1, "a")))
		ok(t, err)
		several := w.at(time.Hour, named(2, "b"), named(3, "c"), named(4, "d"))
		several.Several = true
		_, err = w.Schedule(ctx, several)
		ok(t, err)
		w.topUp(core.PoolGeneral, -998)
		w.clock.move(time.Hour)
		_, err = w.Send(ctx, w.request(w.notice), named(1, "a")) // now the schedule's is the same text within 30 s
		ok(t, err)
		ok(t, loop.pass(ctx))
		var got []string
		for _, m := range w.stored() {
			got = append(got, fmt.Sprintf("%d %d %s", m.state, m.status, m.code))
		}
		slices.Sort(got)
		want := []string{"1 0 ", "1 0 ", "8 4005 BALANCE", "8 4005 BALANCE", "8 4006 FREQUENCY"}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		w.wantBalances(map[string]int64{"general": 0})
		if n := w.count(`SELECT COUNT(*) FROM event WHERE kind = 1`) - told; n != 3 {
			t.Errorf("%d events", n)
		}
		_, err = w.Schedule(ctx, w.at(time.Hour, named(5, "e")))
		wantKind(t, err, core.KindInsufficientBalance, "")
		none, err := w.Schedule(ctx, ScheduleRequest{Request: w.request(w.notice), SendAt: w.clock.now().Add(time.Hour), Recipients: []Recipient{named(5, "e")}, Several: true})
		if ok(t, err); none.ID != "" || none.Results[0].Err == nil {
			t.Errorf("nobody can pay: %+v", none)
		}
	})
}

// TestReq33_ScheduleFaults: every transaction of a page fails in both directions;
// each message is stored and charged exactly once, and none is handed off twice.
func TestReq33_ScheduleFaults(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		loop := w.scheduler()
		want := int64(0)
		for step := range 3 { // claim, send, end
			for _, fault := range []storetest.Fault{storetest.FailCommitLost, storetest.FailCommitKept, storetest.FailAgain, storetest.FailBegin} {
				n := int(want) + 1
				r := w.at(time.Minute, named(n, "a"), named(n+1, "b"), named(n+2, "c"))
				r.Several = true
				_, err := w.Schedule(ctx, r)
				ok(t, err)
				want += 3
				w.clock.move(time.Minute)
				faults := make([]storetest.Fault, step, step+1)
				w.engine.Inject(append(faults, fault)...)
				for range 20 {
					if err := loop.pass(ctx); err != nil {
						w.clock.move(claimLasts) // another try, or another node
						continue
					}
					if w.count(`SELECT COUNT(*) FROM schedule WHERE state <> 2`) == 0 {
						break
					}
					w.clock.move(claimLasts)
				}
				if left := w.engine.Pending(); left != 0 {
					t.Fatalf("%d faults did not happen", left)
				}
				if got := int64(len(w.stored())); got != want {
					t.Fatalf("step %d, fault %d: %d messages, want %d", step, fault, got, want)
				}
			}
		}
		w.wantBalances(map[string]int64{"general": 1000 - want})
		if n := w.count(`SELECT COUNT(*) FROM ledger WHERE kind = 2`); n != want {
			t.Errorf("%d charges of %d messages", n, want)
		}
		handed := w.handedOff()
		if unique := slices.Compact(slices.Clone(handed)); len(unique) != len(handed) {
			t.Errorf("%d hand-offs of %d messages", len(handed), len(unique))
		}
		for _, m := range w.stored() {
			if m.state != 1 || m.price != 1 {
				t.Errorf("%+v", m)
			}
		}
	})
}

// TestReq33_TwoNodesSendOnce: two schedulers on one database at the same time.
func TestReq33_TwoNodesSendOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		const n = 100
		for i := range n {
			_, err := w.Schedule(ctx, w.at(time.Minute, named(i, "x")))
			ok(t, err)
		}
		w.clock.move(time.Minute)
		var nodes sync.WaitGroup
		for range 2 {
			loop := w.scheduler()
			nodes.Go(func() {
				for range 100 {
					if err := loop.pass(ctx); err == nil && w.carrier.count() >= n {
						return
					}
				}
			})
		}
		nodes.Wait()
		handed := w.handedOff()
		if unique := slices.Compact(slices.Clone(handed)); len(unique) != n || len(handed) != n || len(w.stored()) != n {
			t.Errorf("%d hand-offs of %d messages, %d stored, want %d", len(handed), len(unique), len(w.stored()), n)
		}
		w.wantBalances(map[string]int64{"general": 1000 - n})
	})
}

// TestSchedulerStops twice, and leaves nothing behind.
func TestSchedulerStops(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	NewScheduler(SchedulerOptions{Service: w.Service, Apps: w.directory, Log: quiet}).Stop() // never started
	before := goleak.IgnoreCurrent()
	loop := w.scheduler()
	_, err := w.Schedule(ctx, w.at(time.Minute, named(1, "x")))
	ok(t, err)
	w.clock.move(time.Minute)
	loop.Start()
	for end := time.Now().Add(30 * time.Second); w.carrier.count() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not sent within 30 s")
		}
	}
	loop.Stop()
	loop.Stop()
	goleak.VerifyNone(t, before)
	w.clock.move(time.Hour)
	busy := NewScheduler(SchedulerOptions{Service: w.Service, Apps: w.directory, Log: quiet, Busy: func() bool { return true }})
	_, err = w.Schedule(ctx, w.at(time.Minute, named(2, "x")))
	ok(t, err)
	w.clock.move(time.Minute)
	if err := busy.pass(ctx); err != nil || w.carrier.count() != 1 {
		t.Errorf("a busy sender got more: %v", err)
	}
}

// TestForms: a number is given back as it was written (contracts/README.md §4).
func TestForms(t *testing.T) {
	cn, us := core.PhoneFromE164("+8613800138000"), core.PhoneFromE164("+14155550123")
	for _, c := range []struct {
		literal string
		phone   core.Phone
	}{{"13800138000", cn}, {"+8613800138000", cn}, {"008613800138000", cn}, {"8613800138000", cn}, {"+86-13800138000", cn}, {"+14155550123", us}, {"0014155550123", us}} {
		if got := FormOf(c.literal, c.phone).Literal(c.phone); got != c.literal {
			t.Errorf("%s is given back as %s", c.literal, got)
		}
	}
}
