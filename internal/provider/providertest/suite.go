package providertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
)

var phone = core.PhoneFromE164("+8613800138000")

// Run runs the whole suite.
func Run(t *testing.T, h Harness) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Harness)
	}{
		{"Accepted", testAccepted},
		{"Rejected", testRejected},
		{"Throttled", testThrottled},
		{"UnknownWhenCutAfterSubmit", testUnknownWhenCut},
		{"UnknownWhenNoAnswer", testUnknownWhenSilent},
		{"NotSentWhenDown", testNotSentWhenDown},
		{"NotSentWhenTheCallerGivesUp", testNotSentWhenGivenUp},
		{"NotSentWhenItsLifeEnds", testNotSentWhenOver},
		{"WindowRespected", testWindow},
		{"ReceiptAnsweredWhenStored", testReceiptAck},
		{"ReceiptNotStoredComesAgain", testReceiptNack},
		{"SubscriberText", testInbound},
		{"StopDrains", testStopDrains},
		{"StopInATimeOfItsOwn", testStopImpatient},
		{"StopTwice", testStopTwice},
		{"OneOutcomeEach", testOneOutcomeEach},
		{"OneOutcomeEachWhileFlapping", testFlapping},
	} {
		if slices.Contains(h.Lacks, test.name) {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			// Cleanups run last-in first-out: this one after the rig's own.
			if !h.Beside {
				t.Cleanup(func() { goleak.VerifyNone(t) })
			}
			test.run(t, h)
		})
	}
}

// started is a rig whose provider is up, and will be stopped.
func started(t *testing.T, h Harness, s *sink, opt Options) Rig {
	t.Helper()
	rig := h.New(t, s, opt)
	rig.Carrier.Script(always(Accept))
	if err := rig.Provider.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, rig.Provider) })
	Eventually(t, "the provider is up", func() bool { return rig.Provider.Health().Up })
	return rig
}

func stop(t *testing.T, p provider.Provider) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

func always(b Behaviour) func(core.Phone) Behaviour { return func(core.Phone) Behaviour { return b } }

func (h Harness) message() *provider.Message {
	if h.Message != nil {
		return h.Message()
	}
	return &provider.Message{ID: 1, Channel: core.ChannelSMS, To: phone, Text: "【验码】您的验证码是123456", Validity: 5 * time.Minute}
}

// submit waits for the outcome.
func (h Harness) submit(t *testing.T, p provider.Provider) provider.Outcome {
	t.Helper()
	outcomes := make(chan provider.Outcome, 2)
	p.Submit(t.Context(), h.message(), func(o provider.Outcome) { outcomes <- o })
	return await(t, outcomes)
}

func await(t *testing.T, outcomes <-chan provider.Outcome) provider.Outcome {
	t.Helper()
	select {
	case o := <-outcomes:
		return o
	case <-time.After(Patience):
		t.Fatal("no outcome")
	}
	return provider.Outcome{}
}

func wantClass(t *testing.T, o provider.Outcome, want provider.Class) {
	t.Helper()
	if o.Class != want {
		t.Errorf("outcome %v %s %q, want %v", o.Class, o.Code, o.Detail, want)
	}
}

func testAccepted(t *testing.T, h Harness) {
	rig := started(t, h, &sink{}, Options{Window: 10})
	first, second := h.submit(t, rig.Provider), h.submit(t, rig.Provider)
	wantClass(t, first, provider.Accepted)
	if len(first.PartIDs) != 1 || first.PartIDs[0] == "" || len(second.PartIDs) != 1 || first.PartIDs[0] == second.PartIDs[0] {
		t.Errorf("ids %q and %q", first.PartIDs, second.PartIDs)
	}
	if n := rig.Carrier.Taken(phone); n != 2 {
		t.Errorf("the carrier took %d", n)
	}
}

func testRejected(t *testing.T, h Harness) {
	rig := started(t, h, &sink{}, Options{Window: 10})
	rig.Carrier.Script(always(Reject))
	o := h.submit(t, rig.Provider)
	wantClass(t, o, provider.Rejected)
	if o.Code == "" || len(o.PartIDs) != 0 {
		t.Errorf("%+v", o)
	}
}

func testThrottled(t *testing.T, h Harness) {
	rig := started(t, h, &sink{}, Options{Window: 10})
	rig.Carrier.Script(always(Throttle))
	o := h.submit(t, rig.Provider)
	wantClass(t, o, provider.Throttled)
	if o.RetryAfter <= 0 || o.Code == "" {
		t.Errorf("%+v", o)
	}
	rig.Carrier.Script(always(Accept))
	wantClass(t, h.submit(t, rig.Provider), provider.Accepted)
}

func testUnknownWhenCut(t *testing.T, h Harness) {
	rig := started(t, h, &sink{}, Options{Window: 10})
	rig.Carrier.Script(always(Drop))
	wantClass(t, h.submit(t, rig.Provider), provider.Unknown)
	if n := rig.Carrier.Taken(phone); n != 1 {
		t.Errorf("the carrier took %d", n)
	}
	rig.Carrier.Script(always(Accept))
	Eventually(t, "the provider is back", func() bool { return rig.Provider.Health().Up })
	wantClass(t, h.submit(t, rig.Provider), provider.Accepted)
	if n := rig.Carrier.Taken(phone); n != 2 {
		t.Errorf("the carrier took %d: the unknown one was sent again", n)
	}
}

func testUnknownWhenSilent(t *testing.T, h Harness) {
	rig := started(t, h, &sink{}, Options{Window: 10, Silent: true})
	rig.Carrier.Script(always(Silent))
	began := time.Now()
	wantClass(t, h.submit(t, rig.Provider), provider.Unknown)
	if waited := time.Since(began); waited < ResponseTimeout {
		t.Errorf("given up after %v", waited)
	}
}

func testNotSentWhenDown(t *testing.T, h Harness) {
	rig := h.New(t, &sink{}, Options{Window: 10})
	rig.Carrier.SetUp(false)
	wantClass(t, h.submit(t, rig.Provider), provider.NotSent) // not started
	if err := rig.Provider.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, rig.Provider) })
	wantClass(t, h.submit(t, rig.Provider), provider.NotSent)
	if health := rig.Provider.Health(); health.Up || health.Detail == "" {
		t.Errorf("%+v", health)
	}
	rig.Carrier.Script(always(Accept))
	rig.Carrier.SetUp(true)
	Eventually(t, "the provider is up", func() bool { return rig.Provider.Health().Up })
	wantClass(t, h.submit(t, rig.Provider), provider.Accepted)
	if n := rig.Carrier.Taken(phone); n != 1 {
		t.Errorf("the carrier took %d", n)
	}
}

// testNotSentWhenGivenUp fills the window with what is never answered; the
// next caller gives up.
func testNotSentWhenGivenUp(t *testing.T, h Harness) {
	rig := started(t, h, &sink{}, Options{Window: 1, Silent: true})
	rig.Carrier.Script(always(Silent))
	first := fill(t, h, rig)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	second := make(chan provider.Outcome, 2)
	rig.Provider.Submit(ctx, h.message(), func(o provider.Outcome) { second <- o })
	wantClass(t, await(t, second), provider.NotSent)
	for range h.links() {
		wantClass(t, await(t, first), provider.Unknown)
	}
	if n := rig.Carrier.Taken(phone); n != h.links() {
		t.Errorf("the carrier took %d", n)
	}
}

// fill takes up windows of one; the outcomes come.
func fill(t *testing.T, h Harness, rig Rig) <-chan provider.Outcome {
	t.Helper()
	outcomes := make(chan provider.Outcome, 2*h.links())
	Eventually(t, "every link is up", func() bool { return allUp(rig.Provider.Health()) })
	for range h.links() {
		rig.Provider.Submit(t.Context(), h.message(), func(o provider.Outcome) { outcomes <- o })
	}
	return outcomes
}

func allUp(health provider.Health) bool {
	for _, one := range health.Links {
		if !one.Up {
			return false
		}
	}
	return health.Up
}

// testNotSentWhenOver fills the window likewise; the next message's life ends
// while it waits, and it must not leave afterwards.
func testNotSentWhenOver(t *testing.T, h Harness) {
	rig := started(t, h, &sink{}, Options{Window: 1, Silent: true})
	rig.Carrier.Script(always(Silent))
	first := fill(t, h, rig)
	short := h.message()
	short.Validity = time.Millisecond
	second := make(chan provider.Outcome, 2)
	rig.Provider.Submit(t.Context(), short, func(o provider.Outcome) { second <- o })
	wantClass(t, await(t, second), provider.NotSent)
	for range h.links() {
		wantClass(t, await(t, first), provider.Unknown)
	}
	if n := rig.Carrier.Taken(phone); n != h.links() {
		t.Errorf("the carrier took %d", n)
	}
}

func testWindow(t *testing.T, h Harness) {
	const each, messages = 5, 43
	window := each * h.links()
	rig := started(t, h, &sink{}, Options{Window: each})
	Eventually(t, "every link is up", func() bool { return allUp(rig.Provider.Health()) })
	rig.Carrier.Script(always(Hold))
	outcomes := make(chan provider.Outcome, 2*messages)
	for range messages {
		rig.Provider.Submit(t.Context(), h.message(), func(o provider.Outcome) { outcomes <- o })
		if n := rig.Provider.Health().Window; n > window {
			t.Errorf("Health says %d", n)
		}
	}
	for range messages {
		wantClass(t, await(t, outcomes), provider.Accepted)
	}
	if peak := rig.Carrier.Peak(); peak != window {
		t.Errorf("%d without an answer, window %d", peak, window)
	}
}

func testReceiptAck(t *testing.T, h Harness) {
	s := &sink{}
	acks := make(chan func(error), 1)
	s.onReceipt(func(_ provider.Receipt, ack func(error)) { acks <- ack })
	rig := started(t, h, s, Options{Window: 10})
	id := h.submit(t, rig.Provider).PartIDs[0]
	rig.Carrier.Report(id)
	ack := <-acks
	// The provider goes on working while the receipt is being stored.
	wantClass(t, h.submit(t, rig.Provider), provider.Accepted)
	if stored, refused := rig.Carrier.Reported(id); stored+refused != 0 {
		t.Errorf("answered before it was stored: %d, %d", stored, refused)
	}
	ack(nil)
	Eventually(t, "the carrier is told", func() bool { stored, _ := rig.Carrier.Reported(id); return stored == 1 })
	got := s.seen()
	if len(got) != 1 || got[0].PartID != id || got[0].State != provider.StateDelivered || got[0].JSMS != 4001 || got[0].Code == "" {
		t.Errorf("receipts %+v, want one about %s", got, id)
	}
}

func testReceiptNack(t *testing.T, h Harness) {
	s := &sink{}
	tries := 0
	s.onReceipt(func(_ provider.Receipt, ack func(error)) {
		if tries++; tries == 1 {
			ack(errors.New("disk full"))
			return
		}
		ack(nil)
	})
	rig := started(t, h, s, Options{Window: 10})
	id := h.submit(t, rig.Provider).PartIDs[0]
	rig.Carrier.Report(id)
	Eventually(t, "it is stored", func() bool { stored, _ := rig.Carrier.Reported(id); return stored == 1 })
	if stored, refused := rig.Carrier.Reported(id); stored != 1 || refused != 1 {
		t.Errorf("stored %d, refused %d", stored, refused)
	}
}

func testInbound(t *testing.T, h Harness) {
	s := &sink{}
	rig := started(t, h, s, Options{Window: 10})
	if err := rig.Carrier.SendText(phone, "退订"); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.inbound) != 1 || s.inbound[0].Text != "退订" || s.inbound[0].From != phone {
		t.Errorf("%+v", s.inbound)
	}
}
