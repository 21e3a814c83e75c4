package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

const (
	number = "+8613800138000"
	text   = "【验码】您的验证码是123456"
)

// clearText is a sealer for rows that name what they stand for.
type clearText struct{ broken bool }

func (s clearText) OpenPhone(sealed []byte) (core.Phone, error) {
	if s.broken || string(sealed) != "sealed phone" {
		return core.Phone{}, errors.New("tampered")
	}
	return core.PhoneFromE164(number), nil
}

func (s clearText) Open(field string, sealed []byte) ([]byte, error) {
	if s.broken || field != BodyField || string(sealed) != "sealed text" {
		return nil, errors.New("tampered")
	}
	return []byte(text), nil
}

// scripted is a provider that answers as told. It keeps what was submitted.
type scripted struct {
	name   string
	answer func(n int, m provider.Message) provider.Outcome // n counts from 0; nil: no answer until release
	window chan struct{}                                    // a token for every submission under way; nil: no limit
	delay  time.Duration

	mu   sync.Mutex
	sent []provider.Message
	held []func(provider.Outcome)
}

func (p *scripted) Name() string                { return p.name }
func (p *scripted) Start(context.Context) error { return nil }
func (p *scripted) Stop(context.Context) error  { return nil }
func (p *scripted) Health() provider.Health     { return provider.Health{Up: true} }

func (p *scripted) Submit(ctx context.Context, m *provider.Message, done func(provider.Outcome)) {
	if p.window != nil {
		select {
		case p.window <- struct{}{}:
			answered := done
			done = func(o provider.Outcome) { <-p.window; answered(o) }
		case <-ctx.Done():
			done(provider.Outcome{Class: provider.NotSent})
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.sent)
	p.sent = append(p.sent, *m)
	if p.answer == nil {
		p.held = append(p.held, done)
		return
	}
	o := p.answer(n, *m)
	go func() { time.Sleep(p.delay); done(o) }()
}

// release answers everything that was submitted so far.
func (p *scripted) release(o provider.Outcome) {
	p.mu.Lock()
	held := p.held
	p.held = nil
	p.mu.Unlock()
	for _, done := range held {
		done(o)
	}
}

func (p *scripted) submitted() []provider.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]provider.Message(nil), p.sent...)
}

// submissions counts them by message.
func (p *scripted) submissions() map[core.MessageID]int {
	n := map[core.MessageID]int{}
	for _, m := range p.submitted() {
		n[m.ID]++
	}
	return n
}

// always answers the same; an acceptance gives ids of its own.
func always(class provider.Class) func(int, provider.Message) provider.Outcome {
	return func(n int, m provider.Message) provider.Outcome {
		o := provider.Outcome{Class: class}
		if class == provider.Accepted {
			o.PartIDs = []string{fmt.Sprintf("%d-%d", m.ID, n)}
		}
		return o
	}
}

// inTurn answers one after the other, the last one for ever.
func inTurn(classes ...provider.Class) func(int, provider.Message) provider.Outcome {
	return func(n int, m provider.Message) provider.Outcome {
		return always(classes[min(n, len(classes)-1)])(n, m)
	}
}

// node is an outbox on a world.
type node struct {
	*Outbox
	world *world
	log   *bytes.Buffer // read it after Stop
}

func (w *world) options(route ...provider.Provider) Options {
	return Options{Node: 7, Now: w.now, IDs: w.ids, Log: slog.New(slog.DiscardHandler), Store: w.batcher, Due: w.memory.due,
		Purge: w.memory.purge, Sealer: clearText{}, Route: func(Outgoing) []provider.Provider { return route }}
}

func start(tb testing.TB, w *world, o Options) *node {
	n := &node{world: w, log: &bytes.Buffer{}}
	o.Log = slog.New(slog.NewJSONHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	x, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	n.Outbox = x
	x.Start()
	tb.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = x.Stop(ended) // what a test leaves open
		_ = x.Stop(context.Background())
	})
	return n
}

// send accepts a message and hands it off, as a use-case does.
func (n *node) send(tb testing.TB) store.Message {
	row := n.world.enqueue(tb, 1)
	n.HandOff(Outgoing{Row: row, To: core.PhoneFromE164(number), Text: text, From: "YANMA"})
	return row
}
