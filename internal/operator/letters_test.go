package operator

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/provider"
	inbound "yanma.dev/yanma/internal/reply"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/store/storetest"
)

// twoReplies is a list of two texts.
type twoReplies struct{}

func (twoReplies) List(_ context.Context, app core.AppID, _ core.ReplyID, _ int) ([]inbound.View, error) {
	return []inbound.View{{Reply: records.Reply{ID: 8, App: app, Message: 7, Provider: "main", Recipient: "1069", OptOut: true, At: 1}, Number: core.PhoneFromE164("+8613800138000"), Plain: "TD"},
		{Reply: records.Reply{ID: 5, Provider: "main", At: 1}, Plain: "?"}}, nil
}

// accept makes a message of an app that pays 3.
type acceptMessage struct {
	ids   *core.IDs
	payer billing.Payer
	row   store.Message
}

func (c *acceptMessage) Want(b *store.Batch) { billing.Want(b, c.payer) }

func (c *acceptMessage) Decide(b *store.Batch) error {
	return outbox.Enqueue(b, c.ids, c.payer, nil, c.row)
}

// message makes one to a number, ended by what a carrier said.
func (w *world) message(t *testing.T, app core.AppID, outcome provider.Outcome, receipts ...provider.Receipt) string {
	t.Helper()
	ctx := context.Background()
	ids := core.NewIDs(w.clock.now, 3)
	n, err := account.RealNumber(w.ring, 1, core.PhoneFromE164("+8613800138000"))
	must(t, err)
	body, err := w.ring.Seal(outbox.BodyField, []byte("【验码】1234"))
	must(t, err)
	view, err := w.App(ctx, app)
	must(t, err)
	payer := billing.PayerOf(view.Tenant, app, false, core.PoolGeneral)
	must(t, w.batcher.Do(ctx, &billing.TopUp{IDs: ids, Payer: payer, Amount: 3}))
	id := core.MessageID(ids.Next())
	must(t, w.batcher.Do(ctx, &acceptMessage{ids: ids, payer: payer, row: store.Message{ID: id, Tenant: view.Tenant, App: app, Channel: core.ChannelSMS, Price: 3, Segments: 1,
		Phone: n.Sealed, Body: body, ValidUntil: store.At(w.clock.now().Add(5 * time.Minute)), Report: true}}))
	must(t, w.batcher.Do(ctx, &outbox.RecordOutcomes{IDs: ids, Lease: time.Minute, Hold: time.Second,
		Outcomes: []outbox.Outcome{{Outcome: outcome, Message: id, Node: 3, Attempt: 1, Provider: "main"}}}))
	for _, r := range receipts {
		must(t, w.batcher.Do(ctx, &outbox.RecordReceipts{IDs: ids, Receipts: []outbox.Receipt{{Receipt: r, Provider: "main"}}}))
	}
	w.clock.move(time.Second) // no two messages of one millisecond
	return strconv.FormatInt(int64(id), 10)
}

var (
	refusedOutcome = provider.Outcome{Class: provider.Rejected, Code: "0x0000000B"}
	takenOutcome   = provider.Outcome{Class: provider.Accepted, PartIDs: []string{"4711"}}
	lostReceipt    = provider.Receipt{PartID: "4711", State: provider.StateUndelivered, Code: "MK:0001", JSMS: 4004}
)

// TestLettersAsTheContractSays: every exchange is held to openapi.yaml by the
// client of these tests.
func TestLettersAsTheContractSays(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	app, _ := w.app(t, "shop")
	dead := w.message(t, app.ID, refusedOutcome)
	lost := w.message(t, app.ID, takenOutcome, lostReceipt)
	story, err := w.Message(ctx, lost)
	must(t, err)
	if story.State != "undelivered" || story.Status != 4004 || story.Money != "settled" || len(story.Steps) != 2 || len(story.Ledger) != 2 || story.Phone != "138****8000" {
		t.Errorf("%+v", story)
	}
	found, err := w.SearchMessages(ctx, api.MessageSearch{Phone: "13800138000", States: []string{"dead", "undelivered"}, Limit: 1})
	must(t, err)
	if len(found.Messages) != 1 || found.Messages[0].ID != lost || found.Before == "" {
		t.Fatalf("%+v", found)
	}
	found, err = w.SearchMessages(ctx, api.MessageSearch{Before: found.Before})
	must(t, err)
	if len(found.Messages) != 1 || found.Messages[0].ID != dead || found.Before != "" {
		t.Errorf("%+v", found)
	}
	if found, err = w.SearchMessages(ctx, api.MessageSearch{Phone: "13900139000"}); err != nil || len(found.Messages) != 0 {
		t.Errorf("another number: %+v, %v", found, err)
	}
	later := w.clock.now().Add(time.Hour)
	if found, err = w.SearchMessages(ctx, api.MessageSearch{Since: &later}); err != nil || len(found.Messages) != 0 {
		t.Errorf("later: %+v, %v", found, err)
	}
	number, err := w.MessagePhone(ctx, lost)
	must(t, err)
	if number.Phone != "+8613800138000" || w.count(t, "message.phone") != 1 {
		t.Errorf("%+v", number)
	}
	if strings.Contains(w.log.String(), "13800138000") {
		t.Error("the number is in the log")
	}
	events, err := w.Callbacks(ctx, app.ID, "", 1)
	must(t, err)
	if len(events.Events) != 1 || events.Events[0].Ref != lost || events.Events[0].State != "waiting" || events.Before == "" {
		t.Fatalf("%+v", events)
	}
	if events, err = w.Callbacks(ctx, app.ID, events.Before, 10); err != nil || len(events.Events) != 1 || events.Events[0].Ref != dead || events.Events[0].Status != 4100 {
		t.Errorf("%+v, %v", events, err)
	}
	replies, err := w.Replies(ctx, app.ID, "", 0)
	must(t, err)
	if len(replies.Replies) != 2 || replies.Replies[0].Text != "TD" || replies.Replies[0].Message != "7" {
		t.Errorf("%+v", replies)
	}
	for path, want := range map[string]string{"/admin/messages/1": "404", "/admin/messages/x": "400", "/admin/apps/99/callbacks": "404", "/admin/apps/99/replies": "404",
		"/admin/apps/1/callbacks?limit=501": "400"} {
		if answer, body := w.call(t, http.MethodGet, path, ""); strconv.Itoa(answer.StatusCode) != want {
			t.Errorf("%s: %d %s", path, answer.StatusCode, body)
		}
	}
	for _, bad := range []string{`{"states":["lost"]}`, `{"limit":501}`, `{"before":"x"}`, `{"phone":"12"}`, `{"nobody":1}`} {
		if answer, body := w.call(t, http.MethodPost, "/admin/messages/search", bad); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", bad, answer.StatusCode, body)
		}
	}
}

// failCommits makes the commit of the next change of a message fail: behind that
// of its key, and that of its audit row.
func (w *world) failCommits(persisted bool) {
	fault := storetest.FailCommitLost
	if persisted {
		fault = storetest.FailCommitKept
	}
	w.engine.Inject(storetest.FailNothing, storetest.FailNothing, fault)
}

// TestReq33_RefundOnceOverFaults: a refund whose commit failed, in either way,
// is made once when it is said again with its key; and so is a requeue.
func TestReq33_RefundOnceOverFaults(t *testing.T) {
	for _, persisted := range []bool{false, true} {
		w := newWorld(t)
		ctx := context.Background()
		app, _ := w.app(t, "shop")
		lost, dead := w.message(t, app.ID, takenOutcome, lostReceipt), w.message(t, app.ID, refusedOutcome)
		available := func() core.Credits {
			credit, err := w.AppCredit(ctx, app.ID)
			must(t, err)
			return credit.Pools[0].Available
		}
		before := available() // 3 of the dead one
		w.failCommits(persisted)
		if _, err := w.RefundMessage(ctx, lost, "refund"); err == nil {
			t.Error("a refund that failed was answered")
		}
		if n := w.engine.Pending(); n != 0 {
			t.Fatalf("%d faults did not happen", n)
		}
		for range 2 {
			changed, err := w.RefundMessage(ctx, lost, "refund")
			must(t, err)
			if changed.Money != "refunded" {
				t.Errorf("%+v", changed)
			}
		}
		if got := available(); got != before+3 {
			t.Errorf("persisted %v: %d can be spent, want %d", persisted, got, before+3)
		}
		w.failCommits(persisted)
		if _, err := w.RequeueMessage(ctx, dead, "requeue"); err == nil {
			t.Error("a requeue that failed was answered")
		}
		if n := w.engine.Pending(); n != 0 {
			t.Fatalf("%d faults did not happen", n)
		}
		for range 2 {
			changed, err := w.RequeueMessage(ctx, dead, "requeue")
			must(t, err)
			if changed.State != "queued" || changed.Money != "reserved" {
				t.Errorf("%+v", changed)
			}
		}
		if got := available(); got != before {
			t.Errorf("persisted %v: %d can be spent after the requeue, want %d", persisted, got, before)
		}
		story, err := w.Message(ctx, dead)
		must(t, err)
		var steps []string
		for _, s := range story.Steps {
			steps = append(steps, s.What)
		}
		if !slices.Equal(steps, []string{"rejected", "dead", "requeued"}) {
			t.Errorf("persisted %v: %v", persisted, steps)
		}
	}
}
