package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/facade/yunbox"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/guard/memory"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/retention"
	"yanma.dev/yanma/internal/rotation"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/tunnel"
	"yanma.dev/yanma/internal/verify"
)

func (a *App) open(ctx context.Context, level slog.Leveler) error {
	for _, step := range []func(context.Context) error{a.openStore, a.openTenants, a.openLimits, a.loadGuard, a.openDelivery, a.openNumbers, a.openUsers, a.openRetention} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return a.openListeners(ctx, level)
}

// database is an engine with its schema.
type database interface {
	store.Engine
	Migrate(ctx context.Context) error
}

// openDatabase opens PostgreSQL where a URL is configured, else SQLite in the
// data folder, which is there in either case: the keyring lies in it.
func (a *App) openDatabase(ctx context.Context) (database, error) {
	c, now := a.config.Store, a.deps.Now
	if c.Database.IsZero() {
		e, err := sqlite.Open(ctx, sqlite.Options{Folder: c.Data, Now: now, Log: a.log})
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	e, err := postgres.Open(ctx, postgres.Options{URL: c.Database.Reveal(), Now: now, Log: a.log, Batchers: a.batchers(),
		Timeout: a.deps.slow, ConnectTimeout: a.deps.slow})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("make the data folder: %w", err), e.Close())
	}
	return e, nil
}

// batchers is how many batches run at the same time: SQLite has one writer.
func (a *App) batchers() int {
	if a.config.Store.Database.IsZero() {
		return 1
	}
	return a.config.Store.Batchers
}

func (a *App) openStore(ctx context.Context) (err error) {
	now := a.deps.Now
	if a.database, err = a.openDatabase(ctx); err != nil {
		return err
	}
	if err := a.database.Migrate(ctx); err != nil {
		return err
	}
	if err := a.joinNodes(ctx); err != nil {
		return err
	}
	a.database = a.deps.World.disk(a.database)
	path := a.config.Store.Keyring
	if path == "" {
		path = filepath.Join(a.config.Store.Data, "keyring.json")
	}
	if a.ring, err = openKeyring(ctx, a.database, path, a.deps.Random, now()); err != nil {
		return err
	}
	highest, err := a.database.Highest(ctx)
	if err != nil {
		return err
	}
	a.ids = core.NewIDs(now, a.config.Store.Node)
	a.ids.Seed(highest)
	a.store = store.NewBatcher(a.database, now, a.log, store.Options{Queue: a.config.Store.Queue, Batchers: a.batchers()})
	a.prompt = store.NewPrompt(a.store, a.database, a.config.Store.AnswerWithin.D(), now, a.log)
	a.calls = idempotency.New(idempotency.Options{Store: a.prompt, Keys: a.ring, IDs: a.ids, Node: a.config.Store.Node})
	return nil
}

// countersKept is how far back the limiter's journal matters: the longest
// window of any rule, the apps' own included.
func (a *App) countersKept() time.Duration {
	longest := time.Minute
	rules, _ := a.rules() // checked when the configuration was
	all := rules.All()
	for _, app := range a.directory.Apps() {
		all = append(all, app.Limits.All()...)
	}
	for _, rule := range all {
		for _, w := range rule.Windows {
			longest = max(longest, w.Per)
		}
	}
	return longest
}

func (a *App) openLimits(ctx context.Context) error {
	a.limiter = memory.New(a.deps.Now)
	now := a.deps.Now()
	var failed error
	rows := iter.Seq[[]byte](func(yield func([]byte) bool) {
		failed = a.database.View(ctx, func(q store.SQL) error {
			return records.Journals(ctx, q, store.At(now.Add(-a.countersKept())), func(row []byte) error {
				yield(row)
				return nil
			})
		})
	})
	if err := a.limiter.Load(now, rows); err != nil {
		return fmt.Errorf("load the counters: %w", err)
	}
	return failed
}

func (a *App) rules() (guard.Rules, error) {
	if a.config.Limits.Off {
		return guard.NoLimits(), nil
	}
	return guard.DefaultRules().With(a.config.Limits.Rules)
}

func (a *App) openTenants(ctx context.Context) error {
	rules, err := a.rules()
	if err != nil {
		return err
	}
	a.directory = tenant.NewDirectory(tenant.DirectoryOptions{Database: a.database, Keys: a.ring, Now: a.deps.Now, Log: a.log,
		Follow: func(ctx context.Context) (bool, error) { return rotation.Follow(ctx, a.database, a.ring) },
		Defaults: tenant.Defaults{Rules: rules, SMSPrice: a.config.Prices.SMS, LoginPrice: a.config.Prices.Login,
			VerifyPrice: a.config.Prices.Verify, FetchPrice: a.config.Prices.Fetch, VoicePrice: a.config.Prices.Voice}})
	a.openGuard()
	a.openCatalogue()
	return a.directory.Refresh(ctx)
}

func (a *App) openDelivery(ctx context.Context) (err error) {
	if err := a.openCallbacks(); err != nil {
		return err
	}
	a.outbox, err = outbox.New(outbox.Options{Node: a.config.Store.Node, Now: a.deps.Now, IDs: a.ids, Log: a.log, Store: a.store,
		Due: a.dueMessages, Purge: a.purgeOrphans, Sealer: a.ring, Route: a.route, Able: a.ableProviders(), NextHold: nextHold, Apart: len(a.config.Providers) > 1, From: a.senderOf, Inbound: a.replies.Inbound})
	if err != nil {
		return err
	}
	if err := a.openProviders(a.config.Providers, a.outbox); err != nil {
		return err
	}
	return a.openRoutes()
}

// openRetention also makes room for the rows to come: what fails is tried again
// every minute, and until then rows find a place all the same.
func (a *App) openRetention(ctx context.Context) error {
	keep := a.config.Retention
	a.retention = retention.New(retention.Options{Database: a.database, Journal: a.countersKept, Now: a.deps.Now, Log: a.log,
		Keep: retention.Keep{Verifications: keep.Verifications.D(), Messages: keep.Messages.D(), Receipts: keep.Receipts.D(), Audit: keep.Audit.D(), Logins: keep.Logins.D()}})
	if err := a.retention.Prepare(ctx); err != nil {
		a.log.Warn("app: partitions could not be made ahead; they are tried again", "error", err.Error())
	}
	return nil
}

func (a *App) senderOf(id core.AppID) string {
	if app, ok := a.directory.App(id); ok {
		return app.Sender
	}
	return ""
}

func (a *App) openUsers(ctx context.Context) (err error) {
	a.tunnel, err = tunnel.New(tunnel.Options{Config: a.config.Tunnel.Service(), Store: a.prompt, Sealer: a.ring, Now: a.deps.Now, Random: a.deps.Random,
		Dial: a.deps.World.Dial})
	if err != nil {
		return err
	}
	if err := a.tunnel.Prepare(ctx); err != nil {
		return err
	}
	a.aliases = account.NewAliases(a.ring, a.prompt)
	a.devices = account.NewDevices(account.DeviceOptions{Store: a.prompt, Tunnel: a.tunnel, Ring: a.ring, Aliases: a.aliases,
		IDs: a.ids, Now: a.deps.Now, Log: a.log})
	a.sessions = account.NewSessions(account.SessionOptions{Store: a.prompt, View: a.prompt, Once: records.NewOnce(a.prompt, a.deps.Now), Ring: a.ring,
		Aliases: a.aliases, IDs: a.ids, Now: a.deps.Now, Random: a.deps.Random, Log: a.log})
	sims, err := a.openSIMSwap()
	if err != nil {
		return err
	}
	a.verify = verify.New(verify.Options{Store: a.prompt, Outbox: a.outbox, Limiter: a.limiter, Networks: a.tunnel, Ring: a.ring,
		Aliases: a.aliases, IDs: a.ids, Now: a.deps.Now, Random: a.deps.Random, Log: a.log, Policy: guard.DefaultFailurePolicy(),
		Conversions: a.router, SIMs: sims, Sentry: a.sentry})
	a.openPlans()
	a.admin = tenant.NewAdmin(a.directory, account.NewImporter(account.ImporterOptions{Store: a.store, View: a.database, Ring: a.ring,
		IDs: a.ids, Devices: a.devices}), a.deps.Random)
	if err := a.openMessages(); err != nil {
		return err
	}
	a.rotation = rotation.New(rotation.Options{Ring: a.ring, Database: a.database, Commands: a.store, Audit: a.admin, Apps: a.admin, Peers: a.tunnel,
		Now: a.deps.Now, Log: a.log, Refresh: a.directory.Refresh, Settled: a.deps.settled,
		Bind: func(ctx context.Context, q store.SQL) (bool, error) { return bindKeyring(ctx, q, a.ring) }})
	a.sweeper = a.newSweeper()
	return nil
}

func (a *App) openListeners(ctx context.Context, level slog.Leveler) error {
	a.metrics = obs.NewMetrics()
	a.metrics.Collect(obs.Sources{Store: a.store.Stats, Outbox: a.outbox.Stats, Providers: a.providers, Routes: a.router.Stats, Numbers: a.numbers.Stats, SIMSwap: a.simSwapStats(), Captcha: a.captchaStats, Limiter: a.limiter.Len, Guard: a.fraud.Stats, Log: a.deps.Log.Lost,
		Callbacks: a.callbacks.Stats, Replies: a.replies.Stats, Balances: a.watchedBalances, Disk: a.disk})
	a.health = obs.NewHealth(a.prompt, a.providers)
	public, err := a.publicHandler(level)
	if err != nil {
		return err
	}
	cert, err := openCertificate(a.config.Server.TLSCert, a.config.Server.TLSKey)
	if err != nil {
		return err
	}
	if a.public, err = listen(ctx, a.deps.World, a.config.Server.Listen, public, a.config.Server.MaxConnections, cert, a.failed); err != nil {
		return err
	}
	operator, err := a.operatorHandler(level)
	if err != nil {
		return err
	}
	a.operator, err = listen(ctx, a.deps.World, a.config.Operator.Listen, operator, operatorConnections, nil, a.failed)
	return err
}

func (a *App) publicHandler(level slog.Leveler) (http.Handler, error) {
	native := a.deps.Native
	if native == nil {
		native = http.NewServeMux()
	}
	native.HandleFunc("GET /healthz", a.health.Healthz)
	native.HandleFunc("GET /readyz", a.health.Readyz)
	a.mountReceipts(native)
	rules, err := a.rules()
	if err != nil {
		return nil, err
	}
	a.openCaptcha(rules)
	jsms, err := a.jsmsDialect(rules)
	if err != nil {
		return nil, err
	}
	dialects := []*facade.Facade{
		jsms,
		yunbox.New(yunbox.Options{Apps: a.directory, Verify: a.verify, Users: a.aliases, Devices: a.devices, Tunnels: a.tunnel,
			Limiter: a.limiter, Subjects: a.ring, Rules: rules, Now: a.deps.Now}),
		a.camara(rules),
		a.submailDialect(rules),
		a.oneAccess(rules),
	}
	handler, err := facade.New(facade.Config{Mounts: a.mounts(dialects), Native: native, Trusted: a.config.Server.TrustedProxies, Calls: a.calls,
		InFlight: int64(a.config.Server.MaxRequests), Now: a.deps.Now, Random: a.deps.Random,
		Observer: obs.NewRequests(a.deps.Log, level, a.metrics)})
	if err != nil {
		return nil, err
	}
	return a.metrics.Track(handler), nil
}

// mounts puts the dialects where the configuration wants them.
func (a *App) mounts(dialects []*facade.Facade) []facade.Mount {
	var mounts []facade.Mount
	for _, d := range dialects {
		if c := a.config.Facades[d.Name]; !c.Disabled {
			mounts = append(mounts, facade.Mount{Facade: d, Hosts: c.Hosts, Prefix: c.Prefix})
		}
	}
	return mounts
}
