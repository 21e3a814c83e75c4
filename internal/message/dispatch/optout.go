package dispatch

import (
	"context"
	"slices"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// OptOuts notes who wants no marketing (contracts/delivery.md §7).
type OptOuts struct{ s *Service }

// OptOuts is the service's list.
func (s *Service) OptOuts() OptOuts { return OptOuts{s} }

// Reply looks at a text that a subscriber sent to an app: T, TD, R, N or 退订 opts
// the number out of the marketing of a signature; "" is all of the app's. It
// tells whether the text was one. A number that did so before stays so.
func (o OptOuts) Reply(ctx context.Context, app *tenant.App, signature string, phone core.Phone, text string) (optedOut bool, err error) {
	if !message.IsOptOut(text) {
		return false, nil
	}
	return true, classified(records.Update(ctx, o.s.o.Database, func(q store.SQL) error { return o.Note(ctx, q, app, signature, phone) }))
}

// Note is Reply in a transaction of the caller's, for a text that is an opt-out.
func (o OptOuts) Note(ctx context.Context, q store.SQL, app *tenant.App, signature string, phone core.Phone) error {
	ring := o.s.o.Ring
	index := ring.Index(phone)
	for _, text := range o.signatures(app, signature) {
		have, err := records.OptedOut(ctx, q, app.Tenant, text, []core.PhoneIndex{index})
		if err != nil {
			return err
		}
		if len(have) > 0 {
			continue
		}
		sealed, err := ring.SealPhone(phone)
		if err != nil {
			return err
		}
		if err := records.InsertOptOut(ctx, q, records.OptOut{ID: o.s.o.IDs.Next(), Tenant: app.Tenant, App: app.ID, Signature: text, Index: index,
			Phone: sealed, At: store.At(o.s.o.Now())}); err != nil {
			return err
		}
	}
	return nil
}

// signatures are those that a reply is about, each once.
func (o OptOuts) signatures(app *tenant.App, signature string) []string {
	if signature != "" {
		return []string{signature}
	}
	var all []string
	if app.Template.Signature != "" {
		all = append(all, app.Template.Signature)
	}
	for _, s := range o.s.o.Catalogue.Signatures(app.ID) {
		if s.State == message.Approved && !slices.Contains(all, s.Text) {
			all = append(all, s.Text)
		}
	}
	return all
}

// OptIn takes an opt-out back, when the person asked for it; it tells whether
// there was one.
func (o OptOuts) OptIn(ctx context.Context, app *tenant.App, signature string, phone core.Phone) (was bool, err error) {
	index := o.s.o.Ring.Index(phone)
	err = records.Update(ctx, o.s.o.Database, func(q store.SQL) (err error) {
		was, err = records.DeleteOptOut(ctx, q, app.Tenant, signature, index)
		return err
	})
	return was, classified(err)
}
