package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/callback"
	"yanma.dev/yanma/internal/captcha"
	"yanma.dev/yanma/internal/captcha/siteverify"
	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard/fraud"
	"yanma.dev/yanma/internal/guard/memory"
	"yanma.dev/yanma/internal/guard/sentry"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/message/dispatch"
	"yanma.dev/yanma/internal/node"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/numberverify/simswap"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/plan"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/httpsms"
	texts "yanma.dev/yanma/internal/reply"
	"yanma.dev/yanma/internal/retention"
	"yanma.dev/yanma/internal/rotation"
	"yanma.dev/yanma/internal/route"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/tunnel"
	"yanma.dev/yanma/internal/verify"
)

// Deps are what the outside world gives an App.
type Deps struct {
	Now     func() time.Time
	Random  io.Reader      // cryptographic, safe for concurrent use
	Jitter  func() float64 // uniform in [0, 1), for waits between reconnections
	Log     *obs.Writer    // where lines go; closed by whoever opened it
	Version string
	Native  *http.ServeMux // further paths of the public listener; nil means none
	World   World          // what lies outside of the process; zero is the machine's own

	Simulated bool // yanma dev: a simulated network stands for the operators'

	settled func(context.Context) error // of tests: see rotation.Options
	slow    time.Duration               // of tests: how long PostgreSQL is waited for
}

// App is one server. Open it, Start it, wait for Failed or a signal, Stop it.
type App struct {
	config config.Config
	deps   Deps
	log    *slog.Logger

	database  database
	lease     *node.Lease // of our number; nil where nobody else can be
	ring      *keyring.Ring
	ids       *core.IDs
	store     *store.Batcher
	prompt    *store.Prompt // for callers who wait
	calls     *idempotency.Calls
	limiter   *memory.Limiter
	fraud     *fraud.Engine
	sentry    *sentry.Guard
	keeper    *fraud.Keeper
	directory *tenant.Directory
	catalogue *catalogue.Catalogue
	messages  *catalogue.Admin
	dispatch  *dispatch.Service
	scheduler *dispatch.Scheduler
	admin     *tenant.Admin
	outbox    *outbox.Outbox
	providers []provider.Provider
	router    *route.Router
	plans     *plan.Service
	callbacks *callback.Service
	replies   *texts.Service
	encoders  map[tenant.Dialect]callback.Encoder // how calls to apps are written
	overHTTP  []*httpsms.Client                   // those of providers that have receipts posted to us
	tunnel    *tunnel.Service
	aliases   *account.Aliases
	devices   *account.Devices
	sessions  *account.Sessions
	verify    *verify.Service
	numbers   *numberverify.Service
	captcha   *captcha.Service
	pictures  *captcha.Pool
	verifiers []*siteverify.Client // of challenges of others
	operators []*simswap.Client    // of SIM swap: one or none
	rotation  *rotation.Service
	signing   *oauth.Keys
	sweeper   *sweeper
	retention *retention.Service
	metrics   *obs.Metrics
	health    *obs.Health

	public, operator *listener
	failed           chan error
	stopping         sync.Once
	stopErr          error
}

// Open makes everything ready and listens, but answers nothing yet. An error
// is one clear sentence, and nothing is left open.
func Open(ctx context.Context, c config.Config, deps Deps) (*App, error) {
	level := new(slog.LevelVar)
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return nil, err
	}
	a := &App{config: c, deps: deps, log: obs.NewLogger(deps.Log, level), failed: make(chan error, 2)}
	if err := a.open(ctx, level); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// Start starts all services in order; the listeners come last.
func (a *App) Start(ctx context.Context) error {
	a.startDatabase()
	a.store.Start()
	a.directory.Start()
	if err := a.limiter.Start(ctx); err != nil {
		return err
	}
	a.startGuard()
	a.router.Start()
	a.outbox.Start()
	a.replies.Start()
	a.callbacks.Start()
	for _, p := range a.providers {
		if err := p.Start(ctx); err != nil {
			return err
		}
	}
	a.numbers.Start()
	a.pictures.Start()
	a.scheduler.Start()
	a.plans.Start()
	a.rotation.Start()
	a.sweeper.start()
	a.retention.Start()
	go a.public.serve()
	go a.operator.serve()
	a.log.Info("yanma: ready", "version", a.deps.Version, "public", a.PublicURL(), "operator", a.OperatorURL())
	return nil
}

// Failed gives an error that ends the service, such as a lost listener.
func (a *App) Failed() <-chan error { return a.failed }

// PublicURL is where façades answer.
func (a *App) PublicURL() string {
	scheme := "http://"
	if a.config.Server.TLSCert != "" {
		scheme = "https://"
	}
	return scheme + a.public.Addr().String()
}

// OperatorURL is where the operator API answers.
func (a *App) OperatorURL() string { return "http://" + a.operator.Addr().String() }

// Stop drains: no new request, those under way are answered, messages in
// flight get their outcomes, what was not sent goes back to the queue on disk.
// It takes no longer than the configured drain time, and callers have half of
// it. Stopping twice is fine.
func (a *App) Stop(ctx context.Context) error {
	a.stopping.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, a.config.Server.DrainTimeout.D())
		defer cancel()
		a.log.Info("yanma: stopping")
		a.health.Drain()
		a.plans.Stop()
		errs := []error{a.drainCallers(ctx), a.stopSending(ctx)}
		for _, p := range a.providers {
			errs = append(errs, p.Stop(ctx))
		}
		a.router.Stop()
		a.replies.Stop()
		a.callbacks.Stop()
		a.retention.Stop()
		a.sweeper.stop()
		a.numbers.Stop()
		a.closeCaptcha()
		for _, c := range a.operators {
			c.Close()
		}
		a.rotation.Stop()
		errs = append(errs, a.stopGuard(ctx), a.limiter.Stop(ctx))
		a.directory.Stop()
		a.store.Stop()
		a.tunnel.Close()
		a.leaveNode(ctx)
		errs = append(errs, a.database.Close())
		a.stopErr = errors.Join(errs...)
		a.log.Info("yanma: stopped")
	})
	return a.stopErr
}

// drainCallers waits for the requests under way. Who has not finished in half
// of the drain time is cut off, which is no failure of ours: a caller who is slow
// must not take the time of the messages in flight.
func (a *App) drainCallers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.config.Server.DrainTimeout.D()/2)
	defer cancel()
	var errs []error
	for _, l := range []*listener{a.public, a.operator} {
		err := l.drain(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			a.log.Warn("yanma: slow callers cut off", "reason", err.Error())
			continue
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// close gives back what a failed Open left open.
func (a *App) close() error {
	var errs []error
	for _, l := range []*listener{a.public, a.operator} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	a.leaveNode(context.Background())
	if a.database != nil {
		errs = append(errs, a.database.Close())
	}
	return errors.Join(errs...)
}
