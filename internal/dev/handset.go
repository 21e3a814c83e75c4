package dev

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

// handsetKeeps is how many messages the handset remembers.
const handsetKeeps = 500

// received is one message as the handset shows it.
type received struct {
	ID         string    `json:"id"`
	Phone      string    `json:"phone"`
	Text       string    `json:"text"`
	Channel    string    `json:"channel"` // sms or voice
	Code       string    `json:"code"`    // the digits found in the text, or heard in the call
	ReceivedAt time.Time `json:"received_at"`
	Audio      string    `json:"audio,omitempty"` // where the sound of a call is
}

// handset keeps the last messages that the SMSC parsed, and the calls that the
// trunk took.
type handset struct {
	mu     sync.Mutex
	ring   []received // oldest first
	next   int64
	sounds map[string][]byte // of calls, WAV files by their id
}

// receive takes a message from the SMSC.
func (h *handset) receive(m smsc.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.add(received{Phone: national(m.To), Text: m.Text, Channel: core.ChannelSMS.String(), Code: codeIn(m.Text), ReceivedAt: m.At})
}

// add puts a message at the end, under the next id; h.mu is held.
func (h *handset) add(r received) {
	h.next++
	r.ID = strconv.FormatInt(h.next, 10)
	h.ring = append(h.ring, r)
	if extra := len(h.ring) - handsetKeeps; extra > 0 {
		h.ring = append(h.ring[:0], h.ring[extra:]...)
	}
}

// messages are those of a number, or all, newest first.
func (h *handset) messages(phone string) []received {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := make([]received, 0, len(h.ring))
	for i := len(h.ring) - 1; i >= 0; i-- {
		if phone == "" || h.ring[i].Phone == national(phone) {
			found = append(found, h.ring[i])
		}
	}
	return found
}

// ServeHTTP answers GET /handset/api/messages.
func (h *handset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, h.messages(strings.TrimSpace(r.URL.Query().Get("phone"))))
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // the page has gone: nobody is left to tell
}

// national is a number as people in China write it; numbers of other countries
// keep their country code, without plus.
func national(number string) string {
	number = strings.TrimPrefix(number, "+")
	if len(number) == 13 && strings.HasPrefix(number, "861") {
		return number[2:]
	}
	return number
}

// codeIn is the first run of 4 to 10 digits in a text.
func codeIn(text string) string {
	for i := 0; i < len(text); {
		j := i
		for j < len(text) && '0' <= text[j] && text[j] <= '9' {
			j++
		}
		if j-i >= 4 && j-i <= 10 {
			return text[i:j]
		}
		i = max(i+1, j)
	}
	return ""
}
