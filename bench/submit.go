package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/smpp"
)

// nothing is a sink that has stored everything at once.
type nothing struct{}

func (nothing) Receipt(_ string, _ provider.Receipt, ack func(error)) { ack(nil) }
func (nothing) Inbound(_ string, _ provider.Inbound, ack func(error)) { ack(nil) }

// deliveryText is what every message says, on both sides.
const deliveryText = "【验码】您的验证码是123456，5分钟内有效。"

// submitFromMemory drives the SMPP client as the outbox would, without a store,
// and prints how many submissions were accepted in how many nanoseconds.
func submitFromMemory(args []string) error {
	flags := flag.NewFlagSet("bench submit", flag.ContinueOnError)
	addr := flags.String("smpp", "", "address of the SMSC")
	window := flags.Int("window", 100, "submissions without an answer")
	binds := flags.Int("binds", 1, "transceivers")
	callers := flags.Int("callers", 4, "goroutines that submit")
	span := flags.Duration("span", 5*time.Second, "how long")
	if err := flags.Parse(args); err != nil {
		return err
	}
	client, err := smpp.New(smpp.Config{Name: "bench", Addr: *addr, SystemID: sinkSystemID, Password: core.NewSecret(sinkPassword),
		Source: "YANMA", Window: *window, Binds: *binds},
		smpp.Deps{Sink: nothing{}, Now: time.Now, Jitter: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if err := client.Start(context.Background()); err != nil {
		return err
	}
	for deadline := time.Now().Add(10 * time.Second); client.Health().Detail != "bound"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New("no bind in 10 s: " + client.Health().Detail)
		}
	}
	var accepted, other atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for caller := range *callers {
		all.Go(func() {
			for i := caller; time.Since(start) < *span; i += *callers {
				m := &provider.Message{ID: core.MessageID(i), Channel: core.ChannelSMS, Text: deliveryText, Validity: 5 * time.Minute,
					To: core.PhoneFromE164(fmt.Sprintf("+8613%09d", i%1_000_000_000))}
				client.Submit(context.Background(), m, func(o provider.Outcome) {
					if o.Class == provider.Accepted {
						accepted.Add(1)
					} else {
						other.Add(1)
					}
				})
			}
		})
	}
	all.Wait()
	stopped, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := client.Stop(stopped); err != nil {
		return err
	}
	if n := other.Load(); n > 0 {
		return fmt.Errorf("%d submissions were not accepted", n)
	}
	fmt.Println(accepted.Load(), time.Since(start).Nanoseconds())
	return nil
}
