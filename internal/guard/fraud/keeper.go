package fraud

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Database is the part of store.Engine that a Keeper needs.
type Database interface {
	View(ctx context.Context, f func(store.SQL) error) error
	Update(ctx context.Context, f func(store.SQL) error) error
}

// KeeperOptions are what a Keeper is made of; Every has a default.
type KeeperOptions struct {
	Engine   *Engine
	Database Database
	IDs      *core.IDs
	Node     uint8 // this server's number
	Shared   bool  // other nodes may use the database (PostgreSQL)
	Now      func() time.Time
	Log      *slog.Logger
	Every    time.Duration // between two tellings; default one second where others listen, else five
}

// Times of the keeper. What a node told is kept longer than it takes to write
// all parts in turn.
const (
	tellEvery  = time.Second
	noteEvery  = 5 * time.Second // where nobody listens: rows and pages written are what it costs
	answerIn   = 5 * time.Second
	deltasKept = 10 * time.Minute
	skew       = 30 * time.Second // between the clocks of nodes
	aliveFor   = 10 * time.Second // after its last row a node counts
	pruneRows  = 10_000
	mostNodes  = 64
)

// Keeper writes what an engine knows, and tells it what other nodes saw. While
// the database is away the engine judges by what it has; what it counts is told
// afterwards. A crash loses at most what was counted since the last telling.
type Keeper struct {
	o       KeeperOptions
	pending *records.FraudDelta // told, but not known to be on disk
	seen    map[uint8]int64     // the last row of each other node
	heard   map[uint8]time.Time // when that was
	next    int                 // the part that is written next
	away    bool                // the last attempt failed
	pruned  time.Time

	quit    chan struct{}
	once    sync.Once
	running sync.WaitGroup
}

// NewKeeper returns a keeper. Load, then Start.
func NewKeeper(o KeeperOptions) *Keeper {
	if o.Every <= 0 && o.Shared {
		o.Every = tellEvery
	}
	if o.Every <= 0 {
		o.Every = noteEvery
	}
	return &Keeper{o: o, seen: map[uint8]int64{}, heard: map[uint8]time.Time{}, quit: make(chan struct{})}
}

// Load reads the state that was written, and what was told after it. What is
// damaged is logged and left out: the guard begins anew there.
func (k *Keeper) Load(ctx context.Context) error {
	now := k.o.Now()
	var written [shards]store.Time
	return k.o.Database.View(ctx, func(q store.SQL) error {
		err := records.FraudParts(ctx, q, func(p records.FraudPart) error {
			if p.Part < 0 || p.Part >= shards {
				return nil
			}
			written[p.Part] = p.At
			if err := k.o.Engine.loadPart(p.Data, now.UnixMilli()); err != nil {
				k.o.Log.Warn("fraud: levels could not be read", "part", p.Part, "error", err.Error())
			}
			return nil
		})
		if err != nil {
			return err
		}
		return records.FraudDeltas(ctx, q, core.IDAt(now.Add(-deltasKept)), func(d records.FraudDelta) error {
			if d.Node != k.o.Node {
				k.seen[d.Node] = d.ID
			}
			at := min(d.At.Time().UnixMilli(), now.UnixMilli())
			if err := k.o.Engine.apply(d.Data, at, func(part int) bool { return d.At > written[part] }); err != nil {
				k.o.Log.Warn("fraud: what a node counted could not be read", "node", int(d.Node), "error", err.Error())
			}
			return nil
		})
	})
}

// Start tells and listens until Stop.
func (k *Keeper) Start() { k.running.Go(k.run) }

// Stop writes everything and ends. Stopping twice, or what was never started,
// is fine.
func (k *Keeper) Stop() {
	k.once.Do(func() { close(k.quit) })
	k.running.Wait()
}

func (k *Keeper) run() {
	tick := time.NewTicker(k.o.Every)
	defer tick.Stop()
	for {
		select {
		case <-k.quit:
			k.turn(shards)
			return
		case <-tick.C:
			k.turn(1)
		}
	}
}

// turn tells, listens, and writes some parts.
func (k *Keeper) turn(parts int) {
	ctx, cancel := context.WithTimeout(context.Background(), answerIn)
	defer cancel()
	err := errors.Join(k.tell(ctx), k.listen(ctx), k.write(ctx, parts), k.prune(ctx))
	if failed := err != nil; failed != k.away {
		k.away = failed
		if failed {
			k.o.Log.Error("fraud: levels can not be kept; the guard goes on with what this node sees", "error", err.Error())
		} else {
			k.o.Log.Info("fraud: levels are kept again")
		}
	}
}

// tell writes what was counted since the last time. A row whose fate is not
// known is written again under its id, before anything newer.
func (k *Keeper) tell(ctx context.Context) error {
	if k.pending == nil {
		data := k.o.Engine.deltas(k.o.Shared)
		if data == nil && !k.o.Shared {
			return nil
		}
		k.pending = &records.FraudDelta{ID: k.o.IDs.Next(), Node: k.o.Node, At: store.At(k.o.Now()), Data: append([]byte{}, data...)}
	}
	err := k.o.Database.Update(ctx, func(q store.SQL) error { return records.InsertFraudDelta(ctx, q, *k.pending) })
	if err == nil || errors.Is(err, store.ErrUnique) {
		k.pending = nil
		return nil
	}
	return err
}

// listen counts what the other nodes told.
func (k *Keeper) listen(ctx context.Context) error {
	if !k.o.Shared {
		return nil
	}
	now := k.o.Now()
	err := k.o.Database.View(ctx, func(q store.SQL) error {
		rows, err := records.FraudTellings(ctx, q, core.IDAt(now.Add(-skew)))
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.Node == k.o.Node || r.ID <= k.seen[r.Node] {
				continue
			}
			data, err := records.FraudTelling(ctx, q, r.ID)
			if err != nil {
				return err
			}
			k.seen[r.Node], k.heard[r.Node] = r.ID, now
			if err := k.o.Engine.apply(data, now.UnixMilli(), nil); err != nil {
				k.o.Log.Warn("fraud: what a node counted could not be read", "node", int(r.Node), "error", err.Error())
			}
		}
		return nil
	})
	nodes := 1
	for _, at := range k.heard {
		if now.Sub(at) < aliveFor {
			nodes++
		}
	}
	k.o.Engine.SetNodes(min(nodes, mostNodes))
	return err
}

// write stores the next parts that moved, at most most of them.
func (k *Keeper) write(ctx context.Context, most int) error {
	for looked := 0; looked < shards && most > 0; looked++ {
		part := k.next
		k.next = (k.next + 1) % shards
		now := k.o.Now()
		data, moved := k.o.Engine.part(part, now.UnixMilli())
		if !moved {
			continue
		}
		most--
		err := k.o.Database.Update(ctx, func(q store.SQL) error {
			return records.PutFraudPart(ctx, q, records.FraudPart{Part: part, At: store.At(now), Data: data})
		})
		if err != nil {
			k.o.Engine.unwritten(part)
			if errors.Is(err, store.ErrUnique) || errors.Is(err, store.ErrAgain) { // another node was quicker
				continue
			}
			return err
		}
	}
	return nil
}

// prune removes what every node has read and every part holds.
func (k *Keeper) prune(ctx context.Context) error {
	now := k.o.Now()
	if now.Sub(k.pruned) < time.Minute && !now.Before(k.pruned) {
		return nil
	}
	err := k.o.Database.Update(ctx, func(q store.SQL) error {
		_, err := records.PruneFraudDeltas(ctx, q, core.IDAt(now.Add(-deltasKept)), pruneRows)
		return err
	})
	if err == nil {
		k.pruned = now
	}
	return err
}
