package cli

import (
	"context"
	"crypto/rand"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
)

// outboxCommands are yanma outbox ….
type outboxCommands struct {
	List    outboxListCommand    `cmd:"" help:"List what did not get there, and why."`
	Show    messageShowCommand   `cmd:"" help:"Tell a message's whole story."`
	Requeue outboxRequeueCommand `cmd:"" help:"Have a dead or undelivered message tried again, inside its life."`
	Refund  outboxRefundCommand  `cmd:"" help:"Give back the price of a message that was charged and not delivered."`
}

// notThere are the states of messages that did not get there, or may not have.
var notThere = []string{"dead", "rejected", "undelivered", "unknown", "expired"}

type outboxListCommand struct {
	remote
	messageFilter
}

// Run lists what did not get there.
func (c outboxListCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	found, err := c.search(ctx, server, notThere)
	if err != nil {
		return err
	}
	return c.print(w, found, func() error { return printMessages(w, found.Messages) })
}

// messageChange are the arguments of commands that change a message.
type messageChange struct {
	remote
	messageArgument
	Key string `help:"Idempotency key of a call that is said again: it is made once." placeholder:"KEY"`
}

func (c messageChange) run(ctx context.Context, w World, change func(*client.Client, string) (api.MessageChanged, error), done string) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	key := c.Key
	if key == "" {
		key = rand.Text()
	}
	changed, err := change(server, key)
	if err != nil {
		return repeatable(err, key)
	}
	return c.print(w, changed, func() error {
		if !changed.Changed {
			return say(w.Stdout, "Message %s stays as it is: %s, %s.", changed.ID, changed.State, changed.Money)
		}
		return say(w.Stdout, "Message %s %s: it is %s, its price %s.", changed.ID, done, changed.State, changed.Money)
	})
}

type outboxRequeueCommand struct{ messageChange }

// Run has a message tried again.
func (c outboxRequeueCommand) Run(ctx context.Context, w World) error {
	return c.run(ctx, w, func(s *client.Client, key string) (api.MessageChanged, error) {
		return s.RequeueMessage(ctx, c.ID, key)
	}, "is tried again")
}

type outboxRefundCommand struct{ messageChange }

// Run gives a price back.
func (c outboxRefundCommand) Run(ctx context.Context, w World) error {
	return c.run(ctx, w, func(s *client.Client, key string) (api.MessageChanged, error) { return s.RefundMessage(ctx, c.ID, key) }, "was refunded")
}

// callbackCommands are yanma callback ….
type callbackCommands struct {
	List callbackListCommand `cmd:"" help:"List what an app was told of, or will be, newest first."`
}

// pageFlags are those of lists.
type pageFlags struct {
	Limit  int    `help:"How many, up to 500." default:"50" placeholder:"N"`
	Before string `help:"Only those before this one." placeholder:"ID"`
}

type callbackListCommand struct {
	remote
	pageFlags
	App core.AppID `help:"The app." placeholder:"ID" required:""`
}

// Run lists an app's events.
func (c callbackListCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	found, err := server.Callbacks(ctx, c.App, c.Before, c.Limit)
	if err != nil {
		return err
	}
	return c.print(w, found, func() error {
		rows := table{{"ID", "AT", "KIND", "OF", "STATUS", "STATE", "FAILED", "LAST CALL", "NEXT CALL"}}
		for _, e := range found.Events {
			next := "–"
			if e.Due != nil {
				next = instant(*e.Due)
			}
			rows = append(rows, []string{e.ID, instant(e.At), e.Kind, e.Ref, strconv.Itoa(e.Status), e.State, strconv.Itoa(e.Attempts), orDash(e.Result), next})
		}
		if err := rows.print(w.Stdout); err != nil || found.Before == "" {
			return err
		}
		return say(w.Stdout, "more: --before %s", found.Before)
	})
}

// replyCommands are yanma reply ….
type replyCommands struct {
	List replyListCommand `cmd:"" help:"List the texts that subscribers sent, newest first."`
}

type replyListCommand struct {
	remote
	pageFlags
	App core.AppID `help:"The app; without one all, also what belongs to none." placeholder:"ID"`
}

// Run lists texts; the numbers are masked.
func (c replyListCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	found, err := server.Replies(ctx, c.App, c.Before, c.Limit)
	if err != nil {
		return err
	}
	return c.print(w, found, func() error {
		rows := table{{"ID", "AT", "APP", "NUMBER", "TO", "TEXT", "OPT-OUT", "ANSWERS"}}
		for _, r := range found.Replies {
			rows = append(rows, []string{r.ID, instant(r.At), id(r.App), r.Phone, orDash(r.To), r.Text, yesNo(r.OptOut), orDash(r.Message)})
		}
		if err := rows.print(w.Stdout); err != nil || found.Before == "" {
			return err
		}
		return say(w.Stdout, "more: --before %s", found.Before)
	})
}
