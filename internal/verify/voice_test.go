package verify

import (
	"context"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// call starts a voice code as the jsms façade does.
func (w *world) call(tb testing.TB, own core.Code, life time.Duration) Started {
	tb.Helper()
	s, err := w.Start(context.Background(), StartRequest{App: w.app, Phone: core.PhoneFromE164("+8613800138000"), Purpose: core.PurposeCode,
		Channel: core.ChannelVoice, Code: own, Life: life, Pool: core.PoolVoice, Price: 7, Priced: true, Language: core.English})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// answered records that the call's trunk took it, and that its callee answered.
func (w *world) answered(tb testing.TB, id core.MessageID) {
	tb.Helper()
	w.do(tb, &outbox.RecordOutcomes{IDs: w.ids, Lease: time.Minute, Hold: time.Second, Outcomes: []outbox.Outcome{{Message: id, Node: 1, Attempt: 1,
		Provider: "voice", Outcome: provider.Outcome{Class: provider.Accepted, PartIDs: []string{"call"}}}}})
	w.do(tb, &outbox.RecordReceipts{IDs: w.ids, Receipts: []outbox.Receipt{{Provider: "voice",
		Receipt: provider.Receipt{PartID: "call", State: provider.StateDelivered, Code: "VOICE:ANSWERED", JSMS: 4001}}}})
}

// TestVoiceLifeBeginsWithTheAnswer is contracts/jsms.md §3: ttl counts from the
// moment the call is answered, at the latest from 180 s after acceptance.
func TestVoiceLifeBeginsWithTheAnswer(t *testing.T) {
	own := core.CodeFromDigits("4321")
	for _, c := range []struct {
		name   string
		answer time.Duration // after acceptance; 0 = never
		alive  time.Duration // after acceptance: the last moment
	}{
		{"answered after 20 s", 20 * time.Second, 79 * time.Second},
		{"answered at the last moment", 179 * time.Second, 238 * time.Second},
		{"no receipt ever", 0, 239 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, setting{})
			s := w.call(t, own, time.Minute)
			row := w.row(t)
			if row.ValidUntil != store.At(epoch.Add(180*time.Second)) || row.Channel != core.ChannelVoice || row.Segments != 1 || row.Price != 7 {
				t.Errorf("%+v", row)
			}
			if c.answer > 0 {
				w.clock.advance(c.answer)
				w.answered(t, row.ID)
				w.answered(t, row.ID) // a repetition begins no second life
			}
			w.clock.advance(c.alive - c.answer)
			if got := w.rows().Verifications[s.Verification].Expires; got <= store.At(w.clock.now()) || got > store.At(w.clock.now().Add(time.Second)) {
				t.Errorf("it ends %v after its last moment", got.Time().Sub(w.clock.now()))
			}
			if got := w.validate(t, s.Verification, own); got != OutcomeRight {
				t.Errorf("at its last moment: %d", got)
			}
			late := newWorld(t, setting{})
			s = late.call(t, own, time.Minute)
			if c.answer > 0 {
				late.clock.advance(c.answer)
				late.answered(t, late.row(t).ID)
			}
			late.clock.advance(c.alive - c.answer + 2*time.Second)
			if got := late.validate(t, s.Verification, own); got != OutcomeOver {
				t.Errorf("after its life: %d", got)
			}
		})
	}
}

// row is the only message.
func (w *world) row(tb testing.TB) store.Message {
	tb.Helper()
	for _, m := range w.rows().Messages {
		return m
	}
	tb.Fatal("no message")
	return store.Message{}
}

func (w *world) validate(tb testing.TB, id core.VerificationID, code core.Code) Outcome {
	tb.Helper()
	got, err := w.Validate(context.Background(), ValidateRequest{App: w.app, Purpose: core.PurposeCode, ID: id, Code: code})
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

// TestReq12_VoiceCodeIsSealed: neither a drawn nor a caller's own code is in a
// row in the clear; what is handed over can be spoken.
func TestReq12_VoiceCodeIsSealed(t *testing.T) {
	w := newWorld(t, setting{})
	w.call(t, core.CodeFromDigits("98765432"), time.Minute)
	out := w.phones.sent[len(w.phones.sent)-1]
	said, err := core.ParseSpeech(out.Text)
	if err != nil || said.Code.Digits() != "98765432" || said.Language != core.English {
		t.Errorf("%v, %s", err, said.Language)
	}
	body := string(w.row(t).Body)
	for _, clear := range []string{"98765432", "voice"} {
		if strings.Contains(body, clear) {
			t.Errorf("%q is in the row", clear)
		}
	}
}
