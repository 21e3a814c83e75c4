//go:build interop

package crash

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

const sinkPassword = "password"

// sink is the carrier: it takes every message, counts them, sends receipts,
// and outlives the server.
type sink struct {
	*smsc.Server

	mu     sync.Mutex
	texts  map[string][]string        // by number, as it came
	waiter map[string]chan<- struct{} // told at the next message to a number
}

var sixDigits = regexp.MustCompile(`[0-9]{6}`)

func startSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{texts: map[string][]string{}, waiter: map[string]chan<- struct{}{}}
	var err error
	s.Server, err = smsc.New(smsc.Config{SystemID: "yanma", Password: core.NewSecret(sinkPassword), Handle: s.take,
		Decide: func(*smsc.Part) smsc.Behaviour { return smsc.Delivered(50 * time.Millisecond) },
		Now:    time.Now, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = s.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func (s *sink) take(m smsc.Message) {
	number := strings.TrimPrefix(m.To, "86")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts[number] = append(s.texts[number], m.Text)
	if w := s.waiter[number]; w != nil {
		close(w)
		delete(s.waiter, number)
	}
}

// code waits until a number has more than n messages, and gives the newest
// one's code, or "" when ctx ended.
func (s *sink) code(ctx context.Context, number string, n int) string {
	for {
		s.mu.Lock()
		if all := s.texts[number]; len(all) > n {
			s.mu.Unlock()
			return sixDigits.FindString(all[len(all)-1])
		}
		came := make(chan struct{})
		s.waiter[number] = came
		s.mu.Unlock()
		select {
		case <-came:
		case <-ctx.Done():
			return ""
		}
	}
}

// count is how many messages a number got.
func (s *sink) count(number string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.texts[number])
}

// counts are all of them, by number.
func (s *sink) counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]int, len(s.texts))
	for number, texts := range s.texts {
		all[number] = len(texts)
	}
	return all
}
