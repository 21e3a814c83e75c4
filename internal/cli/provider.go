package cli

import (
	"context"
	"crypto/rand"
	"strconv"

	"yanma.dev/yanma/internal/operator/api"
)

// providerCommands are yanma provider ….
type providerCommands struct {
	List providerListCommand `cmd:"" help:"List the connections to carriers with their health."`
	Test providerTestCommand `cmd:"" help:"Send one message through a provider; it costs nothing here."`
}

type providerListCommand struct{ remote }

// Run lists providers.
func (c providerListCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	all, err := server.Providers(ctx)
	if err != nil {
		return err
	}
	return c.print(w, api.Providers{Providers: all}, func() error {
		rows := table{{"PROVIDER", "UP", "WINDOW", "DETAIL"}}
		for _, p := range all {
			rows = append(rows, []string{p.Name, yesNo(p.Up), strconv.Itoa(p.Window), p.Detail})
			for _, l := range p.Links {
				rows = append(rows, []string{"  " + l.Name, yesNo(l.Up), strconv.Itoa(l.Window), l.Detail})
			}
		}
		return rows.print(w.Stdout)
	})
}

type providerTestCommand struct {
	remote
	Provider string `arg:"" help:"The provider's name."`
	Phone    string `arg:"" help:"The number that gets the message."`
	Text     string `help:"The message; there is one by default." placeholder:"TEXT"`
	Key      string `help:"Idempotency key of a test that is said again: it is sent once." placeholder:"KEY"`
}

// Run sends a test message. An outcome other than accepted is exit code 1.
func (c providerTestCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	key := c.Key
	if key == "" {
		key = rand.Text()
	}
	outcome, err := server.TestProvider(ctx, c.Provider, api.TestMessage{Phone: c.Phone, Text: c.Text}, key)
	if err != nil {
		return repeatable(err, key)
	}
	err = c.print(w, outcome, func() error {
		return facts{{"provider", outcome.Provider}, {"phone", outcome.Phone}, {"outcome", outcome.Outcome}, {"code", orDash(outcome.Code)},
			{"detail", orDash(outcome.Detail)}, {"ids", list(outcome.PartIDs)}}.print(w.Stdout)
	})
	if err == nil && outcome.Outcome != "accepted" {
		return errSaid
	}
	return err
}
