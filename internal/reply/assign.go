package reply

import (
	"context"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// assign finds the app that each text is for: the one whose sender it was sent
// to, else the one whose message to that number the same carrier took last,
// else the only one there is. A text that leads nowhere stays without an app.
func (s *Service) assign(rows []row, now time.Time) error {
	apps := s.o.Apps()
	latest, err := s.latest(rows, now)
	if err != nil {
		return err
	}
	told := make(map[core.AppID]bool, len(apps))
	for _, a := range apps {
		told[a.ID] = a.Told
	}
	for i := range rows {
		r := &rows[i]
		m, known := latest[r.phone.E164()]
		switch sender := senderOf(apps, r.Recipient); {
		case sender != 0:
			r.App = sender
			if known && m.App == sender {
				r.Message = m.ID
			}
		case known:
			r.App, r.Message = m.App, m.ID
		case len(apps) == 1:
			r.App = apps[0].ID
		}
		r.told = told[r.App]
	}
	return nil
}

// senderOf is the app whose sender a text was sent to, the longest first:
// carriers put extensions behind an access number. Two apps with one sender
// are told apart by the message that is answered.
func senderOf(apps []App, to string) (found core.AppID) {
	longest, twice := 0, false
	for _, a := range apps {
		if a.Sender == "" || !strings.HasPrefix(to, a.Sender) || len(a.Sender) < longest {
			continue
		}
		twice = len(a.Sender) == longest
		longest, found = len(a.Sender), a.ID
	}
	if twice {
		return 0
	}
	return found
}

// latest finds the newest message to each of the numbers among those that the
// same carriers took lately. There is no index of messages by number: that
// would cost every code that is sent a random write; texts are rare.
func (s *Service) latest(rows []row, now time.Time) (map[string]store.Message, error) {
	missing, carriers := make(map[string]bool, len(rows)), make(map[string]bool)
	for i := range rows {
		missing[rows[i].phone.E164()] = true
		carriers[rows[i].Provider] = true
	}
	found := make(map[string]store.Message, len(rows))
	from, before := core.MessageID(core.IDAt(now.Add(-lookBack))), core.MessageID(0)
	for looked := 0; looked < lookMost && len(missing) > 0; looked += lookPage {
		var last core.MessageID
		err := s.o.Database.View(s.ctx, func(q store.SQL) (err error) {
			last, err = records.MessagePage(s.ctx, q, records.MessageQuery{}, from, before, lookPage, func(m store.Message) error {
				if !carriers[m.Provider] || len(m.Phone) == 0 || len(missing) == 0 {
					return nil
				}
				phone, err := s.o.Ring.OpenPhone(m.Phone)
				if e164 := phone.E164(); err == nil && missing[e164] {
					m.Body, m.History = nil, nil
					found[e164] = m
					delete(missing, e164)
				}
				return nil //nolint:nilerr // a row that can not be opened is fsck's
			})
			return err
		})
		if err != nil || last == 0 {
			return found, err
		}
		before = last
	}
	return found, nil
}

// View is a reply as whoever asks sees it.
type View struct {
	records.Reply
	Number core.Phone
	Plain  string
}

// List gives replies with ids below before (0: the newest), newest first; of
// one app, unless app is 0.
func (s *Service) List(ctx context.Context, app core.AppID, before core.ReplyID, limit int) (views []View, err error) {
	err = s.o.Database.View(ctx, func(q store.SQL) error {
		rows, err := records.Replies(ctx, q, app, before, limit)
		views = s.open(rows)
		return err
	})
	return views, err
}

// Of gives the replies of a number, newest first.
func (s *Service) Of(ctx context.Context, phone core.Phone, limit int) (views []View, err error) {
	err = s.o.Database.View(ctx, func(q store.SQL) error {
		rows, err := records.RepliesOf(ctx, q, s.o.Ring.Index(phone).Lookup(), limit)
		views = s.open(rows)
		return err
	})
	return views, err
}

// open unseals what can be; the rest stays empty.
func (s *Service) open(rows []records.Reply) []View {
	views := make([]View, 0, len(rows))
	for _, r := range rows {
		v := View{Reply: r}
		v.Number, _ = s.o.Ring.OpenPhone(r.Phone)
		if text, err := s.o.Ring.Open(TextField, r.Text); err == nil {
			v.Plain = string(text)
		}
		views = append(views, v)
	}
	return views
}
