package dispatch

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message/catalogue"
)

var ctx = context.Background()

// TestSend: the text, its parameters for carriers that take templates only, what
// it costs and from which pool (contracts/jsms.md §5, §8).
func TestSend(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.topUp(core.PoolIndustry, 1)
		r, err := w.Send(ctx, w.request(w.notice), named(1, "张三"))
		ok(t, err)
		out := w.carrier.last()
		if out.Text != "【极光推送】您好，张三" || out.To != number(1) || out.Row.Template != w.notice.Name || len(out.Params) != 1 || out.Params["name"] != "张三" ||
			out.Row.Price != 1 || out.Row.Pool != core.PoolIndustry || out.Row.ID != r.Message || r.Segments != 1 {
			t.Errorf("%+v", out)
		}
		if id, found := core.IDOfNumber(r.Number); !found || id != int64(r.Message) || r.Number < 100_000_000_000 {
			t.Errorf("number %d of message %d", r.Number, r.Message)
		}
		w.wantBalances(map[string]int64{"general": 1000, "industry": 0})
		// Two segments, from the general pool now that industry is used up.
		_, err = w.Send(ctx, w.request(w.notice), named(2, strings.Repeat("长", 70)))
		ok(t, err)
		w.wantBalances(map[string]int64{"general": 998, "industry": 0})
		code, err := w.Send(ctx, w.request(w.code), Recipient{Phone: number(3), Params: map[string]string{"code": "042917", "extra": "x"}})
		ok(t, err)
		out = w.carrier.last()
		if out.Text != "【极光推送】验证码042917" || len(out.Params) != 2 || out.Params["minutes"] != "10" || out.Row.ValidUntil.Time().Sub(epoch) != 10*time.Minute ||
			code.Number == r.Number {
			t.Errorf("%+v", out)
		}
	})
}

// TestRefusals: each kind of error, with nothing stored, charged or counted.
func TestRefusals(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	pending := *w.notice
	pending.State = 0
	rejected := *w.notice
	rejected.State = 2
	unsigned := w.request(w.notice)
	unsigned.Signature = nil
	for name, c := range map[string]struct {
		r     Request
		to    Recipient
		kind  core.Kind
		field string
	}{
		"pending":     {w.request(&pending), named(1, "x"), core.KindTemplatePending, ""},
		"rejected":    {w.request(&rejected), named(1, "x"), core.KindTemplateRejected, ""},
		"unsigned":    {unsigned, named(1, "x"), core.KindSignatureMissing, "signature"},
		"no params":   {w.request(w.notice), Recipient{Phone: number(1)}, core.KindParametersEmpty, ""},
		"one missing": {w.request(w.notice), Recipient{Phone: number(1), Params: map[string]string{"other": "x"}}, core.KindParametersMissing, "name"},
		"empty":       {w.request(w.notice), named(1, ""), core.KindParametersMissing, "name"},
		"word":        {w.request(w.notice), named(1, "博 彩"), core.KindForbiddenWord, "content"},
		"symbol":      {w.request(w.notice), named(1, "【x"), core.KindForbiddenSymbol, "content"},
		"long":        {w.request(w.notice), named(1, strings.Repeat("长", 342)), core.KindContentTooLong, "content"},
		"the façade's": {w.request(w.notice), Recipient{Err: core.E(core.KindInvalidPhone, "")},
			core.KindInvalidPhone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Send(ctx, c.r, c.to)
			wantKind(t, err, c.kind, c.field)
		})
	}
	if w.carrier.count() != 0 || len(w.stored()) != 0 || w.limiter.Len() != 0 {
		t.Errorf("%d sent, %d stored, %d counted", w.carrier.count(), len(w.stored()), w.limiter.Len())
	}
	_, err := w.Send(ctx, w.request(w.notice), named(1, strings.Repeat("长", 341))) // 350 with 【极光推送】您好，
	ok(t, err)
}

// TestReq17_SameContent: the same text to the same number once in 30 s, and a
// notice three times in ten minutes (contracts/jsms.md §14); other texts and
// other numbers pass.
func TestReq17_SameContent(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	send := func(n int, name string) error {
		_, err := w.Send(ctx, w.request(w.notice), named(n, name))
		return err
	}
	ok(t, send(1, "张三"))
	for range 20 { // a burst of duplicates
		err := send(1, "张三")
		wantKind(t, err, core.KindRateLimited, "")
		if wait := core.AsError(err).RetryAfter; wait != 30*time.Second {
			t.Fatalf("retry after %v", wait)
		}
	}
	ok(t, send(1, "李四"))
	ok(t, send(2, "张三"))
	w.clock.move(30*time.Second - time.Millisecond)
	wantKind(t, send(1, "张三"), core.KindRateLimited, "")
	w.clock.move(time.Millisecond)
	ok(t, send(1, "张三"))
	w.clock.move(30 * time.Second)
	ok(t, send(1, "张三"))
	w.clock.move(30 * time.Second)
	err := send(1, "张三") // a fourth time: the first one is 90 s old
	wantKind(t, err, core.KindRateLimited, "")
	if wait := core.AsError(err).RetryAfter; wait != 10*time.Minute-90*time.Second {
		t.Errorf("retry after %v", wait)
	}
	w.clock.move(10*time.Minute - 90*time.Second)
	ok(t, send(1, "张三"))
	if n := w.carrier.count(); n != 6 {
		t.Errorf("%d sent, want 6", n)
	}
}

// TestReq19_RefusedSendsGiveBack: what was counted for a message that nobody can
// pay is given back.
func TestReq19_RefusedSendsGiveBack(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.topUp(core.PoolGeneral, -1000)
		_, err := w.Send(ctx, w.request(w.notice), named(1, "张三"))
		wantKind(t, err, core.KindInsufficientBalance, "")
		if n := w.limiter.Len(); n != 0 {
			t.Errorf("%d counters are left", n)
		}
		batch, err := w.Batch(ctx, w.request(w.notice), []Recipient{named(1, "张三")})
		ok(t, err)
		wantKind(t, batch[0].Err, core.KindInsufficientBalance, "")
		w.topUp(core.PoolGeneral, 1)
		_, err = w.Send(ctx, w.request(w.notice), named(1, "张三"))
		ok(t, err)
	})
}

// TestBatch: one commit, a result and a charge for each (contracts/jsms.md §6).
func TestBatch(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.topUp(core.PoolGeneral, -997)
		before := w.batcher.Stats().Batches
		results, err := w.Batch(ctx, w.request(w.notice), []Recipient{named(1, "a"), {Err: core.E(core.KindInvalidPhone, "")}, named(1, "a"), named(1, "b"),
			{Phone: number(2)}, named(2, "b"), named(3, "c"), named(4, "d")})
		ok(t, err)
		if n := w.batcher.Stats().Batches - before; n != 1 {
			t.Errorf("%d commits", n)
		}
		for i, want := range []core.Kind{0, core.KindInvalidPhone, core.KindRepeated, 0, core.KindParametersEmpty, 0, core.KindInsufficientBalance, core.KindInsufficientBalance} {
			if got := results[i].Err; (got == nil) != (want == 0) || got != nil && core.KindOf(got) != want {
				t.Errorf("recipient %d: %v, want %s", i, got, want)
			}
			if i > 0 && results[i].Number <= results[i-1].Number || results[i].Message == 0 {
				t.Errorf("recipient %d has the number %d", i, results[i].Number)
			}
		}
		w.wantBalances(map[string]int64{"general": 0})
		if n := w.count(`SELECT COUNT(*) FROM ledger WHERE kind = 2`); n != 3 || w.carrier.count() != 3 || len(w.stored()) != 3 {
			t.Errorf("%d charges, %d sent, %d stored", n, w.carrier.count(), len(w.stored()))
		}
		if n := w.limiter.Len(); n != 3*2+2 { // two texts each, and the installation's of two numbers
			t.Errorf("%d counters", n)
		}
		for _, n := range []int{0, MostRecipients + 1} {
			_, err := w.Batch(ctx, w.request(w.notice), make([]Recipient, n))
			wantKind(t, err, core.KindBadField, "recipients")
		}
	})
}

// TestMarketing: hours, its own pool, the way out, and who took it
// (contracts/delivery.md §7, jsms.md §14).
func TestReq38_MarketingHoursAndOptOut(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.topUp(core.PoolMarket, 100)
		at := func(clock string) {
			when, err := time.Parse("2006-01-02 15:04:05.000 -0700", clock+" +0800")
			ok(t, err)
			w.clock.set(when)
		}
		for n, c := range []struct {
			at   string
			wait time.Duration
		}{
			{"2026-03-02 07:59:59.999", time.Millisecond}, {"2026-03-02 08:00:00.000", 0}, {"2026-03-02 20:59:59.999", 0},
			{"2026-03-02 21:00:00.000", 11 * time.Hour}, {"2026-03-02 23:59:59.000", 8*time.Hour + time.Second}, {"2026-03-03 00:00:00.000", 8 * time.Hour},
		} {
			at(c.at)
			_, err := w.Send(ctx, w.request(w.market), Recipient{Phone: number(100 + n)})
			if c.wait == 0 {
				ok(t, err)
				continue
			}
			wantKind(t, err, core.KindRateLimited, "")
			if got := core.AsError(err).RetryAfter; got != c.wait {
				t.Errorf("at %s: %v, want %v", c.at, got, c.wait)
			}
		}
		if text := w.carrier.last().Text; text != "【极光推送】全场五折 拒收请回复R" {
			t.Errorf("%q", text)
		}
		w.wantBalances(map[string]int64{"general": 1000, "market": 98})

		at("2026-03-03 12:00:00.000")
		for n, word := range []string{"T", "td", " r\n", "退订", "n", "T!", "不要", ""} {
			is, err := w.OptOuts().Reply(ctx, w.app, w.sign.Text, number(n), word)
			ok(t, err)
			if is != (n < 5) {
				t.Errorf("%q: %v", word, is)
			}
			again, err := w.OptOuts().Reply(ctx, w.app, w.sign.Text, number(n), word)
			ok(t, err)
			_, err = w.Send(ctx, w.request(w.market), Recipient{Phone: number(n)})
			if is != again || is != (core.KindOf(err) == core.KindOptedOut && err != nil) || !is && err != nil {
				t.Errorf("%q: marketing goes on with %v", word, err)
			}
		}
		_, err := w.Send(ctx, w.request(w.notice), named(0, "张三")) // a notice is no marketing
		ok(t, err)
		_, err = w.messages.AddSignature(ctx, byMe, catalogue.NewSignature{App: w.app.ID, Ref: "other", Text: "另一个", Kind: 1})
		ok(t, err)
		r := w.request(w.market)
		r.Signature, err = w.catalogue.Signature(w.app, "other")
		ok(t, err)
		_, err = w.Send(ctx, r, Recipient{Phone: number(0)})
		ok(t, err)
		_, err = w.OptOuts().Reply(ctx, w.app, "", number(1), "T") // all of the app's
		ok(t, err)
		_, err = w.Send(ctx, r, Recipient{Phone: number(1)})
		wantKind(t, err, core.KindOptedOut, "")
		if n := w.count(`SELECT COUNT(*) FROM opt_out`); n != 7 { // five, and the app's own signature and the other one of number 1
			t.Errorf("%d opt-outs", n)
		}
		was, err := w.OptOuts().OptIn(ctx, w.app, w.sign.Text, number(2))
		ok(t, err)
		_, err = w.Send(ctx, w.request(w.market), Recipient{Phone: number(2)})
		if ok(t, err); !was {
			t.Error("there was an opt-out")
		}
		many := make([]Recipient, 600)
		for n := range many {
			many[n] = Recipient{Phone: number(n)}
		}
		results, err := w.Batch(ctx, w.request(w.market), many)
		ok(t, err)
		out := 0
		for _, r := range results {
			if r.Err != nil && core.KindOf(r.Err) == core.KindOptedOut {
				out++
			}
		}
		if out != 4 { // T, td, 退订 and n; r opted in again
			t.Errorf("%d of a batch opted out", out)
		}
	})
}

// TestNumbersAreSealed: no number and no parameter is in the clear (requirement
// row 12).
func TestReq12_NothingInTheClear(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	_, err := w.Schedule(ctx, ScheduleRequest{Request: w.request(w.notice), SendAt: epoch.Add(time.Hour), Recipients: []Recipient{named(77777777, "canary-name")}})
	ok(t, err)
	_, err = w.OptOuts().Reply(ctx, w.app, "", number(77777777), "T")
	ok(t, err)
	for _, c := range []string{"schedule_recipient.phone", "schedule_recipient.body", "opt_out.phone", "opt_out.idx_a"} {
		table, column, _ := strings.Cut(c, ".")
		sql := fmt.Sprintf(`SELECT COUNT(*) FROM %s WHERE instr(%s, x'3737373737373737') > 0 OR instr(%s, x'63616e617279') > 0`, table, column, column)
		if n := w.count(sql); n != 0 {
			t.Errorf("%s has it in the clear", c)
		}
	}
}
