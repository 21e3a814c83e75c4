package sip

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/providertest"
	"yanma.dev/yanma/internal/provider/sip/g711"
	"yanma.dev/yanma/internal/provider/sip/listen"
	"yanma.dev/yanma/internal/provider/sip/speech"
	"yanma.dev/yanma/internal/provider/sip/trunk"
)

func recogniser(t *testing.T) *listen.Recogniser {
	t.Helper()
	book, err := speech.Open()
	if err != nil {
		t.Fatal(err)
	}
	return listen.New(book)
}

// TestReq35_CodeIsSpokenTwice: what the callee hears is the code, twice, in the
// language that was asked for; then the line is closed, and the receipt says
// 4001 (contracts/jsms.md §3, delivery.md §8).
func TestReq35_CodeIsSpokenTwice(t *testing.T) {
	t.Parallel()
	g := together{t: t}
	r := recogniser(t)
	for _, c := range []struct {
		language core.Language
		law      g711.Law
		code     string
		want     string
	}{
		{core.Chinese, g711.ALaw, "042917", "042917042917"},
		{core.English, g711.ULaw, "83561", "8356183561"},
		{core.Both, g711.ALaw, "9076", "9076907690769076"},
	} {
		if testing.Short() && c.language != core.Chinese {
			continue // the race detector learns nothing new from recognising more
		}
		g.run(c.language.String(), func(t *testing.T) {
			w := start(t, trunk.Behaviour{Trying: true, Ring: true, After: 20 * time.Millisecond, Law: c.law}, nil)
			o := w.submit(t, message(c.code, c.language))
			if o.Class != provider.Accepted || len(o.PartIDs) != 1 || o.PartIDs[0] == "" {
				t.Fatalf("%+v", o)
			}
			got := w.receipt(t, o.PartIDs[0])
			if got.State != provider.StateDelivered || got.JSMS != 4001 || got.Code != "VOICE:ANSWERED" || got.DoneAt.IsZero() {
				t.Errorf("receipt %+v", got)
			}
			call := w.ended(t)
			if call.To != number || call.From != "4008001234" || !call.Answered || call.HungUp || call.Cancelled || call.ID != o.PartIDs[0] {
				t.Errorf("to %s, from %s: %+v", call.To, call.From, call.Answered)
			}
			heard := r.Digits(call.Recording.Samples())
			if listen.Text(heard) != c.want || listen.Code(heard) != c.code {
				t.Errorf("heard %s", listen.Text(heard))
			}
		})
	}
	g.all.Wait()
}

// TestReq35_EndsOfACall is the table of what a callee, or the network, answers.
func TestReq35_EndsOfACall(t *testing.T) {
	g := together{t: t}
	ringing := func(status int) trunk.Behaviour {
		return trunk.Behaviour{Trying: true, Ring: true, After: 50 * time.Millisecond, Status: status}
	}
	for _, c := range []struct {
		name  string
		b     trunk.Behaviour
		class provider.Class
		code  string // of an outcome that is not accepted
		jsms  int    // 0 = no receipt
	}{
		{"busy", ringing(486), provider.Accepted, "", 4008},
		{"busy without ringing", trunk.Behaviour{Status: 486}, provider.Accepted, "", 4008},
		{"busy everywhere", trunk.Behaviour{Status: 600}, provider.Accepted, "", 4008},
		{"declined", ringing(603), provider.Accepted, "", 4008},
		{"temporarily unavailable", ringing(480), provider.Accepted, "", 4007},
		{"request time-out", ringing(408), provider.Accepted, "", 4007},
		{"no such number", trunk.Behaviour{Status: 404}, provider.Accepted, "", 4009},
		{"gone", trunk.Behaviour{Status: 410}, provider.Accepted, "", 4009},
		{"service unavailable", trunk.Behaviour{Trying: true, Status: 503}, provider.Accepted, "", 4009},
		{"server time-out", trunk.Behaviour{Status: 504}, provider.Accepted, "", 4009},
		{"refused after ringing", trunk.Behaviour{Ring: true, After: 2 * time.Second, Status: 403}, provider.Accepted, "", 4009},
		{"overloaded", trunk.Behaviour{Status: 503, RetryAfter: "7 (maintenance)"}, provider.Throttled, "SIP:503", 0},
		{"forbidden", trunk.Behaviour{Status: 403}, provider.Rejected, "SIP:403", 0},
		{"not acceptable", trunk.Behaviour{Status: 488}, provider.Rejected, "SIP:488", 0},
		{"redirected", trunk.Behaviour{Status: 302}, provider.Rejected, "SIP:302", 0},
		{"account refused", trunk.Behaviour{Status: 407}, provider.NotSent, "SIP:407", 0},
		{"payment", trunk.Behaviour{Status: 402}, provider.NotSent, "SIP:402", 0},
	} {
		g.run(c.name, func(t *testing.T) {
			w := start(t, c.b, nil)
			o := w.submit(t, message("042917", core.Chinese))
			if o.Class != c.class || c.class != provider.Accepted && o.Code != c.code || (len(o.PartIDs) == 1) != (c.class == provider.Accepted) {
				t.Errorf("%+v", o)
			}
			if c.class == provider.Throttled && o.RetryAfter != 7*time.Second {
				t.Errorf("retry after %v", o.RetryAfter)
			}
			if c.jsms != 0 && len(o.PartIDs) == 1 {
				if r := w.receipt(t, o.PartIDs[0]); r.JSMS != c.jsms || r.State != provider.StateUndelivered {
					t.Errorf("receipt %+v", r)
				}
			}
			w.ended(t)
			if n := len(w.sink.seen()); c.jsms == 0 && n != 0 {
				t.Errorf("%d receipts", n)
			}
			if n := w.trunk.Taken(number); n != 1 {
				t.Errorf("%d calls", n)
			}
		})
	}
	g.all.Wait()
}

// TestReq35_RingsOut: a call that rings for too long is taken back with CANCEL,
// and was not answered; one that never rang was not reached.
func TestReq35_RingsOut(t *testing.T) {
	t.Parallel()
	g := together{t: t}
	for jsms, b := range map[int]trunk.Behaviour{4007: {Trying: true, Ring: true, Status: -1}, 4009: {Trying: true, Status: -1}} {
		g.run(strconv.Itoa(jsms), func(t *testing.T) {
			w := start(t, b, func(c *Config, _ *trunk.Config) { c.Ring, c.Response = time.Second, 500*time.Millisecond })
			o := w.submit(t, message("042917", core.Chinese))
			if call := w.ended(t); o.Class != provider.Accepted || !call.Cancelled || call.Answered {
				t.Errorf("%+v, cancelled %v", o, call.Cancelled)
			}
			if r := w.receipt(t, o.PartIDs[0]); r.JSMS != jsms {
				t.Errorf("receipt %+v, want %d", r, jsms)
			}
		})
	}
	g.all.Wait()
}

// TestNotRungAfterItsLife: a message's validity bounds the ringing.
func TestNotRungAfterItsLife(t *testing.T) {
	t.Parallel()
	w := start(t, trunk.Behaviour{Ring: true, Status: -1}, nil)
	m := message("042917", core.Chinese)
	m.Validity = 200 * time.Millisecond
	o := w.submit(t, m)
	if call := w.ended(t); o.Class != provider.Accepted || !call.Cancelled {
		t.Errorf("%+v, cancelled %v", o, call.Cancelled)
	}
}

// TestCalleeHangsUp: a BYE at once ends the speech; the call was answered.
func TestCalleeHangsUp(t *testing.T) {
	w := start(t, trunk.Behaviour{Ring: true, HangUp: 50 * time.Millisecond}, nil)
	o := w.submit(t, message("0429170429", core.Both))
	call := w.ended(t)
	if r := w.receipt(t, o.PartIDs[0]); !call.HungUp || r.JSMS != 4001 {
		t.Errorf("hung up %v, %+v", call.HungUp, r)
	}
	providertest.Eventually(t, "the place is free", func() bool { return w.Health().Window == 0 })
	if n := call.Recording.Packets; n > 500 {
		t.Errorf("it went on to speak: %d packets", n)
	}
}

// TestKeysRepeat: each key says the code once more, by telephone event or INFO,
// and at most three times.
func TestKeysRepeat(t *testing.T) {
	t.Parallel()
	g := together{t: t}
	r := recogniser(t)
	for name, c := range map[string]struct {
		keys []trunk.Key
		want int
	}{
		"event": {[]trunk.Key{{Key: '1', Packets: 30}}, 3},
		"INFO":  {[]trunk.Key{{Key: '#', Packets: 30, Info: true}}, 3},
		"both":  {[]trunk.Key{{Key: '5', Packets: 30}, {Key: '*', Packets: 750, Info: true}}, 4},
		"often": {[]trunk.Key{{Key: '1', Packets: 30}, {Key: '1', Packets: 750}, {Key: '1', Packets: 1000}, {Key: '1', Packets: 1250}, {Key: '1', Packets: 1500}}, 5},
	} {
		if testing.Short() && name != "both" {
			continue
		}
		g.run(name, func(t *testing.T) {
			w := start(t, trunk.Behaviour{Ring: true, Law: g711.ALaw, Keys: c.keys}, nil)
			w.submit(t, message("0429", core.Chinese))
			heard := listen.Text(r.Digits(w.ended(t).Recording.Samples()))
			if heard != strings.Repeat("0429", c.want) {
				t.Errorf("heard %s", heard)
			}
		})
	}
	g.all.Wait()
}

// TestAnsweredByNothing: an answer without audio is acknowledged and hung up.
func TestAnsweredByNothing(t *testing.T) {
	w := start(t, trunk.Behaviour{NoMedia: true}, nil)
	o := w.submit(t, message("042917", core.Chinese))
	call := w.ended(t)
	if r := w.receipt(t, o.PartIDs[0]); r.State != provider.StateUndelivered || r.JSMS != 4100 || r.Code != VoiceNoMedia || call.Recording.Packets != 0 {
		t.Errorf("%+v, %d packets", r, call.Recording.Packets)
	}
}

// TestDigest: with the right password the trunk takes the call; with a wrong one
// the message goes to the next provider, and the log says it once.
func TestDigest(t *testing.T) {
	const secret = "canary-of-the-trunk"
	for password, class := range map[string]provider.Class{secret: provider.Accepted, "another": provider.NotSent, "": provider.NotSent} {
		t.Run(class.String(), func(t *testing.T) {
			w := start(t, trunk.Behaviour{Ring: true, HangUp: 10 * time.Millisecond}, func(c *Config, tc *trunk.Config) {
				tc.Account, tc.Password = "yanma", core.NewSecret(secret)
				c.Password = core.NewSecret(password)
			})
			o := w.submit(t, message("042917", core.Chinese))
			if o.Class != class {
				t.Errorf("%q: %+v", password, o)
			}
			health := w.Health()
			if refused := strings.Contains(health.Detail, "refuses the account"); refused != (class == provider.NotSent) {
				t.Errorf("%q: %+v", password, health)
			}
		})
	}
}

// TestReceiptIsGivenUntilStored: nobody would tell it a second time.
func TestReceiptIsGivenUntilStored(t *testing.T) {
	t.Parallel()
	w := start(t, trunk.Behaviour{Status: 486}, nil)
	w.sink.refuse = 1
	w.submit(t, message("042917", core.Chinese))
	providertest.Eventually(t, "it comes again", func() bool { return len(w.sink.seen()) == 2 })
}

// TestRefusesWhatIsNoCall: a text is never read out, nor a call made without a
// code.
func TestRefusesWhatIsNoCall(t *testing.T) {
	w := start(t, trunk.Behaviour{}, nil)
	sms := message("042917", core.Chinese)
	sms.Channel = core.ChannelSMS
	text := message("042917", core.Chinese)
	text.Text = "【验码】您的验证码是042917"
	for _, m := range []*provider.Message{sms, text} {
		if o := w.submit(t, m); o.Class != provider.Rejected {
			t.Errorf("%+v", o)
		}
	}
	if w.Carries(sms) || !w.Carries(message("042917", core.Chinese)) || w.trunk.Taken(number) != 0 {
		t.Error("carries texts")
	}
}

// TestStopHangsUp: a Stop whose time is over closes lines that speak and takes
// ringing calls back; nothing stays behind.
func TestStopHangsUp(t *testing.T) {
	for name, b := range map[string]trunk.Behaviour{"speaking": {Ring: true}, "ringing": {Ring: true, Status: -1}} {
		t.Run(name, func(t *testing.T) {
			w := start(t, b, nil)
			w.deps.Frame = 20 * time.Millisecond
			w.submit(t, message("0429170429", core.Both))
			if name == "speaking" {
				providertest.Eventually(t, "it is answered", func() bool { return len(w.sink.seen()) == 1 })
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := w.Client.Stop(ctx); err == nil {
				t.Error("Stop hides that a call was cut")
			}
			call := w.ended(t)
			if call.Cancelled != (name == "ringing") || call.HungUp {
				t.Errorf("cancelled %v, hung up by the callee %v", call.Cancelled, call.HungUp)
			}
			if err := w.Client.Stop(t.Context()); err != nil {
				t.Errorf("the second Stop: %v", err)
			}
		})
	}
}

// TestSubmitNeverBlocks: while every place is taken further calls wait, and
// whoever submits them goes on; over a bound they are throttled.
func TestSubmitNeverBlocks(t *testing.T) {
	t.Parallel()
	w := start(t, trunk.Behaviour{Ring: true, Status: -1}, func(c *Config, _ *trunk.Config) { c.Window = 1 })
	outcomes := make(chan provider.Outcome, mostWaiting+10)
	ctx, cancel := context.WithCancel(t.Context())
	for range 1 + mostWaiting + 5 {
		w.Submit(ctx, message("042917", core.Chinese), func(o provider.Outcome) { outcomes <- o })
	}
	throttled := 0
	for range 6 { // the first one rings, five are too many
		if o := <-outcomes; o.Class == provider.Throttled && o.RetryAfter > 0 {
			throttled++
		} else if o.Class != provider.Accepted {
			t.Errorf("%+v", o)
		}
	}
	cancel()
	for range mostWaiting {
		if o := <-outcomes; o.Class != provider.NotSent {
			t.Fatalf("%+v", o)
		}
	}
	if throttled != 5 || w.trunk.Taken(number) != 1 {
		t.Errorf("%d throttled, %d calls", throttled, w.trunk.Taken(number))
	}
	stopped, end := context.WithCancel(t.Context())
	end()
	_ = w.Client.Stop(stopped) // the one that rings
}
