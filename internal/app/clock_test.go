package app

import (
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
)

// TestReq41_ClockJumps sets the clock of a running server an hour forward, then
// an hour back: no code outlives it, no limit is forgotten, what is accepted is
// sent and paid for, and people can go on logging in.
func TestReq41_ClockJumps(t *testing.T) {
	for name, database := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": func(t *testing.T) string { return server.URL(server.Database(t, "")) },
	} {
		t.Run(name, func(t *testing.T) { clockJumps(t, startWholeOn(t, database(t))) })
	}
}

func clockJumps(t *testing.T, w *whole) {
	w.Do(t, "sms-price", []string{"1"})
	before, sent := w.balance(t, w.ids[0]), core.Credits(0)
	uid := ""
	for _, jump := range []struct {
		by                  time.Duration
		old, fresh, regular string // numbers; the regular one logs in each time
	}{
		{time.Hour, "13800138001", "13800138011", "13800138000"},
		{-time.Hour, "13800138002", "13800138012", "13900139000"},
	} {
		ok(t, w.send(jump.old))
		w.delivered()
		var code string
		w.await(t, "a code for "+jump.old, func() (found bool) {
			code, found = w.phones.Value("code", []string{jump.old})
			return found
		})
		w.clock.Advance(jump.by)
		_, err := w.post("/check-code", map[string]string{"phone_no": jump.old, "user_input_code": code})
		if err == nil || !strings.Contains(err.Error(), "0077") {
			t.Errorf("a code from before the clock was set by %s: %v", jump.by, err)
		}
		again := w.send(jump.old)
		sent++
		if limited := again != nil && strings.Contains(again.Error(), "0074"); limited != (jump.by < 0) || again != nil && !limited {
			t.Errorf("a second code after %s: %v", jump.by, again) // an hour later is late enough, an hour earlier is not
		}
		if again == nil {
			sent++
		}
		for _, number := range []string{jump.fresh, jump.regular} {
			ok(t, w.send(number))
			sent++
			w.delivered()
			w.await(t, "a code for "+number, func() bool { _, found := w.phones.Value("code", []string{number}); return found })
			who, err := w.login(number)
			ok(t, err)
			if number == jump.regular {
				uid = who
			}
		}
	}
	w.clock.Advance(2 * time.Minute)
	ok(t, w.send("13900139000"))
	sent++
	w.delivered()
	if who, err := w.login("13900139000"); err != nil || who != uid {
		t.Errorf("the user was %s and is %s: %v", uid, who, err)
	}
	if spent := before - w.balance(t, w.ids[0]); spent != sent {
		t.Errorf("%d messages were sent, %d credits are gone", sent, spent)
	}
	books, err := w.operatorClient().Ledger(t.Context())
	if err != nil || !books.Balanced || books.Sum != 0 {
		t.Errorf("ledger %+v, %v", books, err)
	}
}
