package operator

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/nyaruka/phonenumbers"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// letterRoutes are those of single messages: their stories, and what an
// operator does about those that did not get there.
func (o *operator) letterRoutes() []facade.Route {
	return []facade.Route{
		{Name: "message-search", Method: http.MethodPost, Path: "/admin/messages/search", Handle: o.searchMessages},
		{Name: "message-show", Method: http.MethodGet, Path: "/admin/messages/{message}", Handle: o.showMessage},
		{Name: "message-phone", Method: http.MethodPost, Path: "/admin/messages/{message}/phone", Handle: o.unmaskMessage},
		{Name: "message-requeue", Method: http.MethodPost, Path: "/admin/messages/{message}/requeue", Handle: o.requeueMessage},
		{Name: "message-refund", Method: http.MethodPost, Path: "/admin/messages/{message}/refund", Handle: o.refundMessage},
		{Name: "callback-list", Method: http.MethodGet, Path: "/admin/apps/{app}/callbacks", Handle: o.listCallbacks},
		{Name: "reply-list", Method: http.MethodGet, Path: "/admin/apps/{app}/replies", Handle: o.listReplies},
	}
}

// messageID reads a message's id out of the path.
func messageID(x *facade.Exchange) (core.MessageID, error) {
	id, err := strconv.ParseInt(x.Param("message"), 10, 64)
	if err != nil || id <= 0 {
		return 0, &core.Error{Kind: core.KindInvalidID, Field: "message", Detail: "want a number from 1"}
	}
	return core.MessageID(id), nil
}

func (o *operator) messageOf(ctx context.Context, x *facade.Exchange) (m store.Message, err error) {
	id, err := messageID(x)
	if err != nil {
		return m, err
	}
	found := false
	err = o.Database.View(ctx, func(q store.SQL) error {
		m, found, err = records.MessageByID(ctx, q, id)
		return err
	})
	if err == nil && !found {
		err = core.E(core.KindNotFound, "no such message")
	}
	return m, err
}

// showMessage tells a message's whole story, with its number masked.
func (o *operator) showMessage(ctx context.Context, x *facade.Exchange) error {
	m, err := o.messageOf(ctx, x)
	if err != nil {
		return err
	}
	steps, whole := outbox.History(&m)
	story := api.MessageStory{Message: o.viewMessage(&m), ValidUntil: m.ValidUntil.Time().UTC(), Text: len(m.Body) > 0, Attempts: int(m.Attempts),
		Resends: int(m.Resends), Parts: int(m.Parts), PartsDone: int(m.PartsDone), Steps: []api.MessageStep{}, Whole: whole, Ledger: []api.MessageMoney{},
		NoRequeue: outbox.NotRequeued(&m, store.At(o.Now())), NoRefund: outbox.NotRefunded(&m)}
	for _, s := range steps {
		step := api.MessageStep{At: s.At.UTC(), What: s.Kind.String(), Provider: s.Provider, Code: s.Code, Status: int(s.Status), Parts: s.Parts}
		if s.Count > len(s.Parts) {
			step.Count = s.Count
		}
		story.Steps = append(story.Steps, step)
	}
	err = o.Database.View(ctx, func(q store.SQL) error {
		if story.Verified, err = codeOfMessage(ctx, q, &m); err != nil {
			return err
		}
		moves, err := records.MoneyOf(ctx, q, m.ID, moneyTimes(&m, steps))
		story.Ledger = viewMoney(moves)
		return err
	})
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, story)
}

var codeStates = [...]string{"pending", "claimed", "verified", "expired", "exhausted", "superseded"}

func codeOfMessage(ctx context.Context, q store.SQL, m *store.Message) (*api.MessageCode, error) {
	if m.Verification == 0 {
		return nil, nil
	}
	v, found, err := records.CodeState(ctx, q, m.Verification)
	if err != nil {
		return nil, err
	}
	code := &api.MessageCode{ID: strconv.FormatInt(int64(m.Verification), 10), State: "forgotten"}
	if found && int(v.State) < len(codeStates) {
		code.Purpose, code.State, code.Wrong, code.Expires = v.Purpose.String(), codeStates[v.State], int(v.Wrong), v.Expires.Time().UTC()
	}
	return code, nil
}

// moneyTimes are the ranges of ledger ids in which a message's transfers lie:
// money moves with a step of its history, in the same commit.
func moneyTimes(m *store.Message, steps []outbox.Step) (ranges [][2]int64) {
	at := []time.Time{core.IDTime(int64(m.ID)), m.Updated.Time()}
	for _, s := range steps {
		at = append(at, s.At)
	}
	slices.SortFunc(at, time.Time.Compare)
	for _, t := range at {
		from, to := core.IDAt(t.Add(-time.Second)), core.IDAt(t.Add(5*time.Second))
		if n := len(ranges); n > 0 && from <= ranges[n-1][1] {
			ranges[n-1][1] = to
			continue
		}
		ranges = append(ranges, [2]int64{from, to})
	}
	return ranges
}

var ledgerKinds = map[store.LedgerKind]string{store.LedgerReserve: "reserve", store.LedgerSettle: "settle", store.LedgerRefund: "refund"}

func viewMoney(moves []records.MoneyMove) []api.MessageMoney {
	views := []api.MessageMoney{}
	for _, l := range moves {
		views = append(views, api.MessageMoney{Entry: strconv.FormatInt(int64(l.ID), 10), Kind: ledgerKinds[l.Kind], Amount: l.Amount,
			From: billing.Name(l.Debit), To: billing.Name(l.Credit)})
	}
	return views
}

var moneyNames = [...]string{"none", "reserved", "settled", "refunded"}

func moneyName(m store.Money) string {
	if int(m) < len(moneyNames) {
		return moneyNames[m]
	}
	return "invalid"
}

// viewMessage shows a message with its number masked.
func (o *operator) viewMessage(m *store.Message) api.Message {
	masked := ""
	if phone, err := o.Ring.OpenPhone(m.Phone); err == nil {
		masked = phone.Masked()
	}
	return api.Message{ID: strconv.FormatInt(int64(m.ID), 10), App: m.App, Phone: masked, Channel: m.Channel.String(), State: m.State.String(),
		Why: outbox.Why(m), Provider: m.Provider, Code: m.Code, Status: int(m.Status), Template: m.Template, Segments: int(m.Segments), Price: m.Price,
		Money: moneyName(m.Money), Accepted: core.IDTime(int64(m.ID)).UTC(), Updated: m.Updated.Time().UTC()}
}

// unmaskMessage gives the number in the clear. The audit row is on disk before.
func (o *operator) unmaskMessage(ctx context.Context, x *facade.Exchange) error {
	m, err := o.messageOf(ctx, x)
	if err != nil {
		return err
	}
	phone, err := o.Ring.OpenPhone(m.Phone)
	if err != nil {
		return core.E(core.KindNotFound, "the message has no number: it was to a test number, or was erased")
	}
	id := strconv.FormatInt(int64(m.ID), 10)
	err = records.Update(ctx, o.Database, func(q store.SQL) error {
		return o.Admin.Record(ctx, q, by(x), "message.phone", "message "+id, nil, map[string]string{"phone": phone.Masked()})
	})
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, api.MessagePhone{ID: id, Phone: phone.E164()})
}

// Bounds of a search: there is no index of messages by number or state, which
// would cost every message that is sent.
const (
	searchLooked = 20000 // messages looked at in one call
	searchMost   = 500
)

// searchMessages looks at messages from the newest on. The number stands in
// the body, not in the URL (requirement row 15).
func (o *operator) searchMessages(ctx context.Context, x *facade.Exchange) error {
	var ask api.MessageSearch
	if _, err := decode(x, &ask); err != nil {
		return err
	}
	want, phone, err := o.searchOf(&ask)
	if err != nil {
		return err
	}
	from, before, err := searchRange(&ask)
	if err != nil {
		return err
	}
	found := api.Messages{Messages: []api.Message{}}
	var last core.MessageID
	err = o.Database.View(ctx, func(q store.SQL) error {
		last, err = records.MessagePage(ctx, q, want, from, before, searchLooked, func(m store.Message) error {
			if !phone.IsZero() {
				if have, err := o.Ring.OpenPhone(m.Phone); err != nil || have != phone {
					return nil //nolint:nilerr // what can not be opened is not the number
				}
			}
			if len(found.Messages) < ask.Limit {
				found.Messages = append(found.Messages, o.viewMessage(&m))
			}
			return nil
		})
		return err
	})
	if err != nil {
		return err
	}
	if n := len(found.Messages); n == ask.Limit {
		found.Before = found.Messages[n-1].ID
	} else if last != 0 {
		found.Before = strconv.FormatInt(int64(last), 10)
	}
	return reply(x, http.StatusOK, found)
}

func (o *operator) searchOf(ask *api.MessageSearch) (want records.MessageQuery, phone core.Phone, err error) {
	switch {
	case ask.Limit == 0:
		ask.Limit = pageSize
	case ask.Limit < 0 || ask.Limit > searchMost:
		return want, phone, &core.Error{Kind: core.KindBadField, Field: "limit", Detail: "want 1 to " + strconv.Itoa(searchMost)}
	}
	want.App = ask.App
	for _, name := range ask.States {
		state, known := stateNamed(name)
		if !known {
			return want, phone, &core.Error{Kind: core.KindBadField, Field: "states", Detail: "no such state"}
		}
		want.States = append(want.States, state)
	}
	if ask.Phone != "" {
		phone, err = guard.ParsePhone(ask.Phone, guard.PhonePolicy{Countries: phonenumbers.GetSupportedRegions()})
	}
	return want, phone, err
}

func stateNamed(name string) (store.MessageState, bool) {
	for s := store.MessageQueued; s <= store.MessageDead; s++ {
		if s.String() == name {
			return s, true
		}
	}
	return 0, false
}

// searchRange is the ids that a search looks at.
func searchRange(ask *api.MessageSearch) (from, before core.MessageID, err error) {
	if ask.Since != nil {
		from = core.MessageID(max(core.IDAt(*ask.Since), 0))
	}
	if ask.Until != nil {
		before = core.MessageID(max(core.IDAt(*ask.Until), 1))
	}
	if ask.Before != "" {
		n, err := strconv.ParseInt(ask.Before, 10, 64)
		if err != nil || n <= 0 {
			return 0, 0, &core.Error{Kind: core.KindBadField, Field: "before", Detail: "want an id"}
		}
		before = core.MessageID(n)
	}
	return from, before, nil
}
