package dispatch

import (
	"strconv"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// draft is one message on its way into the store.
type draft struct {
	app       *tenant.App
	kind      message.Kind
	signature string
	index     core.PhoneIndex // of marketing only
	out       outbox.Outgoing
	row       store.Message
	payers    []billing.Payer
	capped    *billing.Capped // nil: the app has no caps on its spending
	result    *Result

	again   bool // of a schedule that was claimed before: its limits were counted then
	taken   guard.Taken
	journal []byte
	refused error // before the commit

	accepted bool          // result of the commit
	unpaid   error         // result of the commit
	stored   store.Message // result of the commit
}

// list is the drafts of one call. A recipient that was refused has no draft.
type list struct {
	results []Result
	drafts  []*draft
}

// compose renders the texts, seals what the rows keep and draws the ids.
func (s *Service) compose(r Request, to []Recipient) (*list, error) {
	l := &list{results: make([]Result, len(to)), drafts: make([]*draft, 0, len(to))}
	payers := billing.Payers(r.App.Tenant, r.App.ID, r.App.TenantPays, r.Template.Kind.Pool())
	until := s.validUntil(r)
	type written struct{ phone, text string }
	seen := make(map[written]bool, len(to))
	for i := range to {
		result := &l.results[i]
		result.Message = core.MessageID(s.o.IDs.NextShort())
		result.Number, _ = core.NumberOfID(int64(result.Message))
		if result.Err = to[i].Err; result.Err != nil {
			continue
		}
		text, err := r.Template.Render(r.Signature.Text, to[i].Params, s.o.Longest, s.o.Words)
		if err != nil {
			result.Err = err
			continue
		}
		this := written{to[i].Phone.E164(), text}
		if seen[this] {
			result.Err = core.E(core.KindRepeated, "")
			continue
		}
		seen[this] = true
		d, err := s.draft(r, &to[i], text, until)
		if err != nil {
			return nil, err
		}
		d.row.ID, d.payers, d.result = result.Message, payers, result
		result.Segments = int(d.row.Segments)
		l.drafts = append(l.drafts, d)
	}
	return l, nil
}

// validUntil is when a message is not worth sending any more: with its code, and
// marketing with its hours.
func (s *Service) validUntil(r Request) time.Time {
	now := s.o.Now()
	switch r.Template.Kind {
	case message.KindCode:
		return now.Add(max(r.Template.TTL, time.Second))
	case message.KindMarket:
		if left := message.MarketingLeft(now, zoneOf(r.App)); left > 0 {
			return now.Add(left)
		}
	case message.KindNotice:
	}
	return now.Add(noticeLife)
}

func zoneOf(app *tenant.App) *time.Location {
	if app == nil {
		return message.China()
	}
	return app.DayZone()
}

// capOf says where a message to a number counts against its app's caps.
func capOf(app *tenant.App, to core.Phone, now time.Time) *billing.Capped {
	if len(app.Caps) == 0 {
		return nil
	}
	return app.Caps.Of(app.ID, guard.Region(to), zoneOf(app), now)
}

func (s *Service) draft(r Request, to *Recipient, text string, until time.Time) (*draft, error) {
	params := paramsOf(r.Template, to.Params)
	phone, err := s.o.Ring.SealPhone(to.Phone)
	if err != nil {
		return nil, err
	}
	body, err := s.o.Ring.Seal(outbox.BodyField, outbox.AppendContent(make([]byte, 0, len(text)+64), text, params))
	if err != nil {
		return nil, err
	}
	segments := message.SegmentCount(to.Phone, text)
	d := &draft{app: r.App, kind: r.Template.Kind, signature: r.Signature.Text,
		out: outbox.Outgoing{To: to.Phone, Text: text, From: r.App.Sender, Params: params},
		row: store.Message{Tenant: r.App.Tenant, App: r.App.ID, Channel: core.ChannelSMS, Price: r.App.SMSPrice * core.Credits(segments),
			Segments: uint8(segments), Phone: phone, Body: body, Template: r.Template.Name, Report: r.Report, ValidUntil: store.At(until)}}
	d.capped = capOf(r.App, to.Phone, s.o.Now())
	if d.kind == message.KindMarket {
		d.index = s.o.Ring.Index(to.Phone)
	}
	return d, nil
}

// paramsOf are the parameters that the template has, for carriers that take no
// free text. A code's life is told beside it.
func paramsOf(t *message.Template, given map[string]string) map[string]string {
	params := make(map[string]string, len(given)+1)
	for _, name := range t.Placeholders() {
		params[name] = given[name]
	}
	if t.Kind == message.KindCode {
		params[message.ParamMinutes] = strconv.Itoa(max(int(t.TTL/time.Minute), 1))
	}
	return params
}
