package dev

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/sip/listen"
	"yanma.dev/yanma/internal/provider/sip/speech"
	"yanma.dev/yanma/internal/provider/sip/trunk"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

// voiceAccount is the demo server's name at the simulated SIP trunk.
const voiceAccount = "yanma-dev"

// voiceFrame is the time between two packets of 20 ms: the handset listens ten
// times as fast as a person does. What it plays has its own speed again.
const voiceFrame = 2 * time.Millisecond

// callsKept is of how many calls the sound is kept.
const callsKept = 50

// voice is the simulated SIP trunk, with the handset behind it.
type voice struct {
	trunk      *trunk.Server
	recogniser *listen.Recogniser
	handset    *handset
	password   core.Secret
}

func openVoice(ctx context.Context, h *handset, password core.Secret, log *slog.Logger) (*voice, error) {
	book, err := speech.Open()
	if err != nil {
		return nil, err
	}
	v := &voice{recogniser: listen.New(book), handset: h, password: password}
	v.trunk, err = trunk.New(trunk.Config{Account: voiceAccount, Password: password, Decide: decideCall, Handle: v.ended, Now: time.Now, Log: log})
	if err != nil {
		return nil, err
	}
	return v, v.trunk.Start(ctx)
}

func (v *voice) close() { v.trunk.Stop() }

// stanza is the trunk as the server's configuration has it.
func (v *voice) stanza() config.Provider {
	return config.Provider{Name: "phone", Type: "sip", Address: v.trunk.Addr(), Account: voiceAccount,
		Password: config.Secret{Secret: v.password}, Source: "4008001234", RingTimeout: config.Duration(10 * time.Second)}
}

// callRules are the numbers whose callees misbehave.
var callRules = []struct {
	suffix, note string
	behaviour    trunk.Behaviour
}{
	{"99921", "a call: busy", trunk.Behaviour{Trying: true, Status: 486}},
	{"99922", "a call: rings, and nobody answers", trunk.Behaviour{Trying: true, Ring: true, Status: -1}},
	{"99923", "a call: no such number", trunk.Behaviour{Trying: true, Status: 404}},
	{"99924", "a call: answered, and hung up after a word", trunk.Behaviour{Ring: true, HangUp: 200 * time.Millisecond}},
	{"99925", "a call: a key is pressed to hear it again", trunk.Behaviour{Ring: true, Keys: []trunk.Key{{Key: '1', Packets: 300}}}},
	{"99926", "a call: refused by the trunk", trunk.Behaviour{Status: 403}},
}

// callNotes are the same for the handset page.
func callNotes() []smsc.Rule {
	notes := make([]smsc.Rule, 0, len(callRules))
	for _, r := range callRules {
		notes = append(notes, smsc.Rule{Suffix: r.suffix, Note: r.note})
	}
	return notes
}

func decideCall(to string) trunk.Behaviour {
	for _, r := range callRules {
		if strings.HasSuffix(to, r.suffix) {
			return r.behaviour
		}
	}
	return trunk.Behaviour{Trying: true, Ring: true, After: 100 * time.Millisecond}
}

// ended shows a call on the handset: what was heard in it.
func (v *voice) ended(c trunk.Call) {
	switch {
	case c.Answered:
		heard := v.recogniser.Digits(c.Recording.Samples())
		v.handset.called(c, transcript(heard), listen.Code(heard))
	case c.Cancelled:
		v.handset.called(c, "Missed call", "")
	}
}

// transcript is what was understood, a line for each stretch of one language.
func transcript(heard []listen.Heard) string {
	if len(heard) == 0 {
		return "A call in which no digit was heard"
	}
	code := len(listen.Code(heard))
	var text strings.Builder
	for i, h := range heard {
		switch {
		case i > 0 && (code > 0 && i%code == 0 || h.Language != heard[i-1].Language):
			text.WriteString("\n")
			fallthrough
		case i == 0:
			text.WriteString(map[core.Language]string{core.Chinese: "您的验证码是", core.English: "Your code is"}[h.Language])
		}
		fmt.Fprintf(&text, " %c", h.Digit)
	}
	return text.String()
}

// called takes a call from the trunk; its sound is kept for a while.
func (h *handset) called(c trunk.Call, text, code string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := received{Phone: national(c.To), Text: text, Channel: core.ChannelVoice.String(), Code: code, ReceivedAt: c.At}
	if c.Answered {
		id := strconv.FormatInt(h.next+1, 10)
		r.Audio = "/handset/api/audio/" + id
		if h.sounds == nil {
			h.sounds = map[string][]byte{}
		}
		h.sounds[id] = c.Recording.WAV()
	}
	h.add(r)
	kept := 0
	for i := len(h.ring) - 1; i >= 0; i-- {
		if m := &h.ring[i]; m.Audio != "" {
			if kept++; kept > callsKept {
				delete(h.sounds, m.ID)
				m.Audio = ""
			}
		}
	}
}

// audio answers GET /handset/api/audio/{id}: what was spoken in a call.
func (h *handset) audio(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	wav := h.sounds[r.PathValue("id")]
	h.mu.Unlock()
	if wav == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(wav)))
	_, _ = w.Write(wav) // the page has gone: nobody is left to tell
}
