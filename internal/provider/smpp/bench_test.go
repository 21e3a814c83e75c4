package smpp

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

// ackSink stores everything at once.
type ackSink struct{}

func (ackSink) Receipt(_ string, _ provider.Receipt, ack func(error)) { ack(nil) }
func (ackSink) Inbound(_ string, _ provider.Inbound, ack func(error)) { ack(nil) }

// BenchmarkSubmit is one submit with its answer through one bind, window 100,
// both ends in this process; /receipts adds a deliver_sm and its answer.
func BenchmarkSubmit(b *testing.B) {
	for _, bench := range []struct {
		name      string
		behaviour smsc.Behaviour
		callers   int
	}{
		{"one caller", smsc.Behaviour{}, 1},
		{"100 callers", smsc.Behaviour{}, 100},
		{"receipts", smsc.Delivered(0), 1},
	} {
		b.Run(bench.name, func(b *testing.B) { benchmarkSubmit(b, bench.behaviour, bench.callers) })
	}
}

func benchmarkSubmit(b *testing.B, behaviour smsc.Behaviour, callers int) {
	server, err := smsc.New(smsc.Config{
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Decide: func(*smsc.Part) smsc.Behaviour { return behaviour },
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer server.Stop()
	c, err := New(Config{Name: "bench", Addr: server.Addr(), SystemID: "yanma", Password: core.NewSecret("secret08"), Source: "YANMA", Window: 100},
		Deps{Sink: ackSink{}, Now: time.Now, Jitter: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := c.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	}()
	for !c.Health().Up {
		time.Sleep(time.Millisecond)
	}
	m := &provider.Message{To: core.PhoneFromE164("+8613800138000"), Text: "【验码】您的验证码是123456", Validity: 5 * time.Minute}
	var wg sync.WaitGroup
	done := func(o provider.Outcome) {
		if o.Class != provider.Accepted {
			b.Errorf("outcome %v", o)
		}
		wg.Done()
	}
	b.ReportAllocs()
	b.ResetTimer()
	wg.Add(b.N)
	for caller := range callers {
		go func() {
			for i := caller; i < b.N; i += callers {
				c.Submit(b.Context(), m, done)
			}
		}()
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "submits/s")
}
