package app

import (
	"context"

	"yanma.dev/yanma/internal/callback"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message"
	texts "yanma.dev/yanma/internal/reply"
	"yanma.dev/yanma/internal/store"
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

// optOut notes that a number wants no more of what an app markets, under any of
// its signatures (contracts/delivery.md §7): the row of a message does not say
// its signature, and its text is erased.
func (a *App) optOut(ctx context.Context, q store.SQL, id core.AppID, _ core.MessageID, phone core.Phone) error {
	app, known := a.directory.App(id)
	if !known {
		return nil
	}
	return a.dispatch.OptOuts().Note(ctx, q, app, "", phone)
}
