package app

import (
	"errors"
	"log/slog"
	"net/http"

	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/operator"
)

func (a *App) operatorHandler(level slog.Leveler) (http.Handler, error) {
	if a.config.Operator.Token.IsZero() {
		return nil, errors.New("operator.token is not set: the operator API needs one")
	}
	rules, err := a.rules()
	if err != nil {
		return nil, err
	}
	return operator.New(operator.Config{
		Token: a.config.Operator.Token.Secret, Admin: a.admin, Messages: a.messages, Catalogue: a.catalogue, Directory: a.directory, Database: a.database, Keys: a.ring,
		Ring: a.ring, Rotation: a.rotation, Signing: a.signing, Failures: guard.DefaultFailurePolicy(),
		Commands: a.store, Calls: a.calls, IDs: a.ids, Replies: a.replies, Sentry: a.sentry, OptOuts: a.dispatch.OptOuts(), Users: a.sessions, CheckCallback: a.callbacks.CheckURL, Providers: a.providers,
		Limiter: a.limiter, Rules: rules, Subjects: a.ring,
		Version: a.deps.Version, Store: a.store.Stats, Outbox: a.outbox.Stats, Metrics: a.metrics.Handler(),
		Healthz: http.HandlerFunc(a.health.Healthz), Readyz: http.HandlerFunc(a.health.Readyz),
		Now: a.deps.Now, Random: a.deps.Random, Observer: obs.NewRequests(a.deps.Log, level, a.metrics),
	})
}
