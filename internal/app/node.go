package app

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/node"
)

// joinNodes takes our number among the servers on one database. A data folder
// with SQLite has no other server: its lock sees to that.
func (a *App) joinNodes(ctx context.Context) (err error) {
	if a.config.Store.Database.IsZero() {
		return nil
	}
	a.lease, err = node.Claim(ctx, node.Options{Database: a.database, Number: a.config.Store.Node, Folder: a.config.Store.Data,
		Random: a.deps.Random, Log: a.log, Lost: a.fail})
	if err == nil {
		a.lease.Start()
	}
	return err
}

// fail ends the service, if nothing else does already.
func (a *App) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

// leaving is how long a database that does not answer is waited for.
const leaving = 2 * time.Second

// leaveNode gives our number free. When that fails it lapses.
func (a *App) leaveNode(ctx context.Context) {
	if a.lease == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaving)
	defer cancel()
	if err := a.lease.Stop(ctx); err != nil {
		a.log.Warn("app: the node's number was not given free; it lapses", "error", err.Error())
	}
}
