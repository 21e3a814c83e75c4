package dev

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/sip"
	"yanma.dev/yanma/internal/provider/sip/trunk"
)

// stored is a sink that keeps nothing.
type stored struct{}

func (stored) Receipt(_ string, _ provider.Receipt, ack func(error)) { ack(nil) }
func (stored) Inbound(_ string, _ provider.Inbound, ack func(error)) { ack(nil) }

// TestVoiceOnTheHandset: what the SIP provider speaks over the simulated trunk
// stands on the handset, with the code that was heard, and can be played.
func TestVoiceOnTheHandset(t *testing.T) {
	h := &handset{}
	v, err := openVoice(t.Context(), h, core.NewSecret("secret of the trunk"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.close)
	stanza := v.stanza()
	stanza.Window = 10
	client, err := sip.New(stanza.SIP(), sip.Deps{Sink: stored{}, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Frame: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Stop(context.Background()) })
	wait(t, "the trunk is up", func() bool { return client.Health().Up })
	said := core.Speech{Code: core.CodeFromDigits("97531"), Language: core.Both}
	outcome := make(chan provider.Outcome, 1)
	client.Submit(t.Context(), &provider.Message{ID: 1, Channel: core.ChannelVoice, To: core.PhoneFromE164("+8613800138000"), Text: said.Text(), Validity: time.Minute},
		func(o provider.Outcome) { outcome <- o })
	if o := <-outcome; o.Class != provider.Accepted {
		t.Fatalf("%+v", o)
	}
	wait(t, "the call is on the handset", func() bool { return len(h.messages("13800138000")) == 1 })
	got := h.messages("13800138000")[0]
	want := strings.Repeat("您的验证码是 9 7 5 3 1\nYour code is 9 7 5 3 1\n", 2)
	if got.Channel != "voice" || got.Code != "97531" || got.Text+"\n" != want || got.Audio != "/handset/api/audio/"+got.ID {
		t.Errorf("%+v", got)
	}
	answer := h.sound(got.ID)
	if body := answer.Body.Bytes(); answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != "audio/wav" ||
		!strings.HasPrefix(string(body), "RIFF") || len(body) < 5*16000 {
		t.Errorf("%d, %s, %d octets", answer.Code, answer.Header().Get("Content-Type"), len(body))
	}
	if answer := h.sound("99"); answer.Code != http.StatusNotFound {
		t.Errorf("another one: %d", answer.Code)
	}
}

func (h *handset) sound(id string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/handset/api/audio/"+id, nil)
	r.SetPathValue("id", id)
	w := httptest.NewRecorder()
	h.audio(w, r)
	return w
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not in time: " + what)
		}
	}
}

// TestCallsThatWereNotHeard: a missed call is shown, one that never reached the
// phone is not; of many calls the sound of the last ones is kept.
func TestCallsThatWereNotHeard(t *testing.T) {
	h := &handset{}
	v := &voice{handset: h}
	v.ended(trunk.Call{To: "+8613800138000", Cancelled: true})
	v.ended(trunk.Call{To: "+8613800138000"})
	if got := h.messages(""); len(got) != 1 || got[0].Text != "Missed call" || got[0].Code != "" || got[0].Audio != "" {
		t.Errorf("%+v", got)
	}
	for i := range callsKept + 5 {
		h.called(trunk.Call{To: "+8613800138000", Answered: true}, strconv.Itoa(i), "")
	}
	got := h.messages("")
	if len(h.sounds) != callsKept || got[callsKept-1].Audio == "" || got[callsKept].Audio != "" {
		t.Errorf("%d sounds", len(h.sounds))
	}
	if text := transcript(nil); text != "A call in which no digit was heard" {
		t.Error(text)
	}
}

// TestCallRules: every number that misbehaves is on the page, and the others
// are answered.
func TestCallRules(t *testing.T) {
	for _, n := range callNotes() {
		if b := decideCall("+86138000" + n.Suffix); b.After == 100*time.Millisecond || n.Note == "" {
			t.Errorf("%s behaves", n.Suffix)
		}
	}
	if b := decideCall("+8613800138000"); b.Status != 0 || !b.Ring || b.HangUp != 0 {
		t.Errorf("%+v", b)
	}
}
