package dispatch

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// optedOut refuses marketing to numbers that want none under its signature: a
// few hundred of them in one question.
func (s *Service) optedOut(ctx context.Context, drafts []*draft) error {
	type audience struct {
		tenant    core.TenantID
		signature string
	}
	by := map[audience][]core.PhoneIndex{}
	for _, d := range drafts {
		if d.kind == message.KindMarket && d.refused == nil {
			a := audience{d.row.Tenant, d.signature}
			by[a] = append(by[a], d.index)
		}
	}
	if len(by) == 0 {
		return nil
	}
	out := map[audience]map[core.IndexValue]bool{}
	err := s.o.Database.View(ctx, func(q store.SQL) error {
		for a, numbers := range by {
			found, err := records.OptedOut(ctx, q, a.tenant, a.signature, numbers)
			if err != nil {
				return err
			}
			out[a] = found
		}
		return nil
	})
	if err != nil {
		return core.Wrap(core.KindInternal, err, "who opted out")
	}
	for _, d := range drafts {
		if d.kind == message.KindMarket && out[audience{d.row.Tenant, d.signature}][d.index.Lookup()] {
			d.refuse(core.E(core.KindOptedOut, ""))
		}
	}
	return nil
}

// limit counts one event for each draft in all its buckets or in none, and
// refuses marketing outside of its hours (contracts/jsms.md §14).
func (s *Service) limit(ctx context.Context, drafts []*draft, now time.Time) {
	var space [8]guard.Bucket
	for _, d := range drafts {
		if d.refused != nil {
			continue
		}
		if d.kind == message.KindMarket {
			if wait := message.MarketingWait(now, zoneOf(d.app)); wait > 0 {
				d.refuse(core.RetryIn(core.KindRateLimited, wait, "marketing_hours"))
				continue
			}
		}
		if d.again {
			continue
		}
		taken, err := s.o.Limiter.Take(ctx, now, s.buckets(space[:0], d))
		if err != nil {
			d.refuse(err)
			continue
		}
		for _, rule := range taken.Alerts {
			s.o.Log.Warn("dispatch: a limit asks for attention", "rule", rule, "phone", d.out.To, "app", int64(d.row.App))
		}
		d.taken, d.journal = taken, taken.Journal(nil)
	}
}

// buckets are the limits of a template message: the same text to a number
// (requirement row 17), and those of its kind (contracts/jsms.md §14).
func (s *Service) buckets(dst []guard.Bucket, d *draft) []guard.Bucket {
	phone, content, app := s.o.Ring.PhoneBase(d.out.To), guard.ContentOf(d.out.Text), uint32(d.row.App)
	rules := &d.app.Unchallenged
	dst = rules.NumberInstallation.For(dst, s.o.Ring, phone, 0)
	dst = rules.Content.For(dst, s.o.Ring, phone^content, app)
	switch d.kind {
	case message.KindNotice:
		dst = rules.JSMSNotice.For(dst, s.o.Ring, phone^content, app)
	case message.KindMarket:
		dst = rules.JSMSMarket.For(dst, s.o.Ring, phone, app)
	case message.KindCode:
	}
	return dst
}

// refuse says why a draft is not sent.
func (d *draft) refuse(err error) { d.refused, d.result.Err = err, err }
