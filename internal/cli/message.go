package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
)

// messageCommands are yanma message ….
type messageCommands struct {
	Show messageShowCommand `cmd:"" help:"Tell a message's whole story."`
	List messageListCommand `cmd:"" help:"List messages by number, app, state and time, newest first."`
}

// messageArgument names a message.
type messageArgument struct {
	ID string `arg:"" help:"The message's id."`
}

type messageShowCommand struct {
	remote
	messageArgument
	Unmask bool `help:"Show the number in the clear; that is written to the audit."`
}

// Run shows when the message was accepted, who was tried, what they answered,
// its receipts, its money and its code.
func (c messageShowCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	story, err := server.Message(ctx, c.ID)
	if err != nil {
		return err
	}
	if c.Unmask {
		number, err := server.MessagePhone(ctx, c.ID)
		if err != nil {
			return err
		}
		story.Phone = number.Phone
	}
	return c.print(w, story, func() error { return printStory(w, &story) })
}

func printStory(w World, m *api.MessageStory) error {
	about := facts{{"message", m.ID}, {"app", id(m.App)}, {"number", orDash(m.Phone)}, {"channel", m.Channel},
		{"state", m.State + ": " + m.Why}, {"accepted", instant(m.Accepted)}, {"last change", instant(m.Updated)}, {"sent until", instant(m.ValidUntil)},
		{"submissions", strconv.Itoa(m.Attempts)}, {"parts", fmt.Sprintf("%d taken, %d delivered", m.Parts, m.PartsDone)},
		{"price", fmt.Sprintf("%d (%d segments), %s", m.Price, m.Segments, m.Money)}, {"text", map[bool]string{true: "sealed", false: "erased"}[m.Text]}}
	if m.Template != "" {
		about = append(about, [2]string{"template", m.Template})
	}
	if v := m.Verified; v != nil {
		code := v.State
		if !v.Expires.IsZero() {
			code = fmt.Sprintf("%s, %d wrong tries, dies %s (%s)", v.State, v.Wrong, instant(v.Expires), v.Purpose)
		}
		about = append(about, [2]string{"code", code})
	}
	about = append(about, [2]string{"requeue", why(m.NoRequeue)}, [2]string{"refund", why(m.NoRefund)})
	if err := about.print(w.Stdout); err != nil {
		return err
	}
	steps := table{{"AT", "WHAT", "PROVIDER", "CODE", "STATUS", "PARTS"}, {toMillis(m.Accepted), "accepted", "–", "–", "–", "–"}}
	for _, s := range m.Steps {
		status := "–"
		if s.Status != 0 {
			status = strconv.Itoa(s.Status)
		}
		steps = append(steps, []string{toMillis(s.At), s.What, orDash(s.Provider), orDash(s.Code), status, orDash(strings.Join(s.Parts, " "))})
	}
	if err := steps.print(w.Stdout); err != nil {
		return err
	}
	if !m.Whole {
		if err := say(w.Stdout, "Some steps were left out."); err != nil {
			return err
		}
	}
	money := table{{"ENTRY", "KIND", "AMOUNT", "FROM", "TO"}}
	for _, l := range m.Ledger {
		money = append(money, []string{l.Entry, l.Kind, id(l.Amount), l.From, l.To})
	}
	return money.print(w.Stdout)
}

func why(not string) string {
	if not == "" {
		return "possible"
	}
	return "no: " + not
}

// messageFilter are flags of lists of messages.
type messageFilter struct {
	Phone string        `help:"Only those to this number, such as +8613800138000." placeholder:"NUMBER"`
	App   core.AppID    `help:"Only this app's." placeholder:"ID"`
	Since time.Duration `help:"Only those accepted so long ago or later; 0 is all." default:"24h" placeholder:"DURATION"`
	Limit int           `help:"How many." default:"50" placeholder:"N"`
}

// search asks page by page until the limit is reached or nothing is left.
func (f messageFilter) search(ctx context.Context, server *client.Client, states []string) (api.Messages, error) {
	ask := api.MessageSearch{Phone: f.Phone, App: f.App, States: states}
	if f.Since > 0 {
		since := time.Now().Add(-f.Since)
		ask.Since = &since
	}
	all := api.Messages{Messages: []api.Message{}}
	for {
		ask.Limit = min(f.Limit-len(all.Messages), 500)
		page, err := server.SearchMessages(ctx, ask)
		if err != nil {
			return all, err
		}
		all.Messages, all.Before = append(all.Messages, page.Messages...), page.Before
		if page.Before == "" || len(all.Messages) >= f.Limit {
			return all, nil
		}
		ask.Before = page.Before
	}
}

type messageListCommand struct {
	remote
	messageFilter
	State []string `help:"Only in these states: queued, leased, unknown, submitted, delivered, undelivered, rejected, expired, dead." placeholder:"STATE"`
}

// Run lists messages with their numbers masked.
func (c messageListCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	found, err := c.search(ctx, server, c.State)
	if err != nil {
		return err
	}
	return c.print(w, found, func() error { return printMessages(w, found.Messages) })
}

func printMessages(w World, all []api.Message) error {
	rows := table{{"ID", "ACCEPTED", "APP", "NUMBER", "STATE", "MONEY", "WHY"}}
	for _, m := range all {
		rows = append(rows, []string{m.ID, instant(m.Accepted), id(m.App), orDash(m.Phone), m.State, m.Money, m.Why})
	}
	return rows.print(w.Stdout)
}

// toMillis is an instant as steps have it.
func toMillis(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000Z07:00") }
