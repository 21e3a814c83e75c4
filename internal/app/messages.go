package app

import (
	"context"

	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/message/dispatch"
)

// openCatalogue makes what reads templates and signatures; the directory fills it.
func (a *App) openCatalogue() {
	a.catalogue = catalogue.New()
	a.directory.Beside(a.besideApps)
}

// fullQueue is how many messages wait for a provider when schedules wait with
// them: half of the outbox's queue.
const fullQueue = 4096

// openMessages makes what changes templates and signatures, and what sends
// messages that are made of them.
func (a *App) openMessages() error {
	words, err := a.config.Messages.WordList()
	if err != nil {
		return err
	}
	a.messages = catalogue.NewAdmin(catalogue.Options{Apps: a.admin, Directory: a.directory, Catalogue: a.catalogue, Database: a.prompt, IDs: a.ids,
		Now: a.deps.Now, Words: words, Longest: a.config.Messages.Longest, Approve: a.config.Messages.Approve})
	o := dispatch.Options{Store: a.prompt, Database: a.prompt, Outbox: a.outbox, Limiter: a.limiter, Ring: a.ring, IDs: a.ids, Catalogue: a.catalogue,
		Now: a.deps.Now, Random: a.deps.Random, Log: a.log, Words: words, Longest: a.config.Messages.Longest}
	a.dispatch = dispatch.New(o)
	o.Store, o.Database = a.store, a.database // nobody waits for the scheduler
	a.scheduler = dispatch.NewScheduler(dispatch.SchedulerOptions{Service: dispatch.New(o), Apps: a.directory, Log: a.log,
		Busy: func() bool { return a.outbox.Stats().QueueDepth >= fullQueue }})
	return nil
}

// stopSending takes no more schedules, and then ends the outbox.
func (a *App) stopSending(ctx context.Context) error {
	a.scheduler.Stop()
	return a.outbox.Stop(ctx)
}
