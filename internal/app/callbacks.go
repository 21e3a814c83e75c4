package app

import (
	"context"
	"slices"

	"yanma.dev/yanma/internal/callback"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message"
	texts "yanma.dev/yanma/internal/reply"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// openCallbacks makes what tells apps of receipts, replies and verdicts, and
// what keeps the texts of subscribers. The outbox passes texts to the latter.
func (a *App) openCallbacks() (err error) {
	a.encoders = map[tenant.Dialect]callback.Encoder{tenant.DialectJSMS: a.encodeJSMS}
	a.callbacks, err = callback.New(callback.Options{Database: a.database, Ring: a.ring, IDs: a.ids, Targets: a.callbackTargets, Now: a.deps.Now,
		Random: a.deps.Random, Log: a.log, Allow: a.config.Callbacks.Allow, Dial: a.deps.World.Dial})
	if err != nil {
		return err
	}
	a.replies, err = texts.New(texts.Options{Database: a.database, Ring: a.ring, IDs: a.ids, Apps: a.replyApps, Word: message.IsOptOut,
		OptOut: a.optOut, Now: a.deps.Now, Log: a.log})
	return err
}

// callbackTargets are the apps that have a URL and speak a dialect that says
// what a call looks like.
func (a *App) callbackTargets() []callback.Target {
	var targets []callback.Target
	for _, app := range a.directory.Apps() {
		if app.CallbackURL == "" || app.Disabled {
			continue
		}
		if encode := a.encoderOf(app); encode != nil {
			targets = append(targets, callback.Target{App: app.ID, URL: app.CallbackURL, Encode: encode})
		}
	}
	return targets
}

// encoderOf is how calls to an app are written: by the first of its dialects
// that says so.
func (a *App) encoderOf(app *tenant.App) callback.Encoder {
	for _, d := range app.Dialects {
		if encode, known := a.encoders[d]; known {
			return encode
		}
	}
	return nil
}

func (a *App) replyApps() []texts.App {
	all := a.directory.Apps()
	apps := make([]texts.App, len(all))
	for i, app := range all {
		apps[i] = texts.App{ID: app.ID, Sender: app.Sender, Told: app.Reports()}
	}
	return apps
}

// optOut notes that a number wants no more of what an app markets under its
// default signature (contracts/delivery.md §7). The row of a message does not
// say its signature, and its text is erased.
func (a *App) optOut(ctx context.Context, q store.SQL, id core.AppID, _ core.MessageID, phone core.Phone) error {
	app, known := a.directory.App(id)
	if !known {
		return nil
	}
	signature, err := a.catalogue.Signature(app, "")
	if err != nil {
		return nil //nolint:nilerr // without a signature it markets nothing
	}
	index := a.ring.Index(phone)
	have, err := records.OptOutsOf(ctx, q, app.Tenant, index)
	if err != nil || slices.ContainsFunc(have, func(o records.OptOut) bool { return o.Signature == signature.Text }) {
		return err
	}
	sealed, err := a.ring.SealPhone(phone)
	if err != nil {
		return err
	}
	return records.InsertOptOut(ctx, q, records.OptOut{ID: a.ids.Next(), Tenant: app.Tenant, App: id, Signature: signature.Text, Index: index,
		Phone: sealed, At: store.At(a.deps.Now())})
}
