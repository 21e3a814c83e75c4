package sentry

import (
	"context"
	"slices"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard/fraud"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// writeEvery is how often findings are written. A minute's are complete when it
// is over.
const writeEvery = 5 * time.Second

// mostRows is how many rows are written of one minute: an attack on ten thousand
// prefixes at once fills no disk. What is beyond is counted in one row more.
const mostRows = 100

// Start begins to write findings.
func (g *Guard) Start() { g.running.Go(g.run) }

// Stop writes what is left and ends. Stopping twice, or what was never started,
// is fine.
func (g *Guard) Stop() {
	g.once.Do(func() { close(g.quit) })
	g.running.Wait()
}

func (g *Guard) run() {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	var left []fraud.Finding
	for {
		select {
		case <-g.quit:
			g.write(left, g.o.Now().Add(time.Minute)) // the minute under way, too
			return
		case <-tick.C:
			left = g.write(left, g.o.Now())
		}
	}
}

// write stores what was found up to the minute before now's; what could not be
// written is tried again with the next, and no more is kept than one minute's.
func (g *Guard) write(left []fraud.Finding, now time.Time) []fraud.Finding {
	found := append(left, g.o.Engine.Findings(now)...)
	if len(found) == 0 {
		return nil
	}
	rows := g.rows(found)
	ctx, cancel := context.WithTimeout(context.Background(), writeEvery)
	defer cancel()
	err := records.Update(ctx, g.o.Database, func(q store.SQL) error {
		for i := range rows {
			if err := records.InsertGuardDecision(ctx, q, rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		g.o.Log.Error("sentry: decisions could not be written and are tried again", "error", err.Error())
		return found[:min(len(found), mostRows)]
	}
	return nil
}

func (g *Guard) rows(found []fraud.Finding) []records.GuardDecision {
	rows := make([]records.GuardDecision, 0, min(len(found), mostRows+2))
	for i := range found {
		f := &found[i]
		if i >= mostRows {
			rest := &rows[mostRows-1+restOf(f.Outcome)]
			rest.Count, rest.Passed = rest.Count+int64(f.Count), rest.Passed+int64(f.Passed)
			continue
		}
		rows = append(rows, g.row(f))
		if i == mostRows-1 {
			rows = append(rows, g.rest(f, fraud.Challenge), g.rest(f, fraud.Block))
		}
	}
	return slices.DeleteFunc(rows, func(d records.GuardDecision) bool { return d.Count == 0 })
}

// restOf is the place of an outcome's row of the rest.
func restOf(o fraud.Outcome) int {
	if o == fraud.Block {
		return 2
	}
	return 1
}

func (g *Guard) row(f *fraud.Finding) records.GuardDecision {
	return records.GuardDecision{ID: g.o.IDs.Next(), Minute: store.At(f.Minute), Tenant: core.TenantID(f.Tenant), App: core.AppID(f.App),
		Outcome: f.Outcome.String(), Rule: f.Reason.Rule.String(), Subject: f.Reason.Subject.String(), Why: f.Reason.String(),
		Count: int64(f.Count), Passed: int64(f.Passed)}
}

func (g *Guard) rest(f *fraud.Finding, o fraud.Outcome) records.GuardDecision {
	return records.GuardDecision{ID: g.o.IDs.Next(), Minute: store.At(f.Minute), Outcome: o.String(), Rule: "others", Subject: "others",
		Why: "more subjects than have rows of their own"}
}

// Decisions are the newest rows before an id, of one app or (0) of all.
func (g *Guard) Decisions(ctx context.Context, app core.AppID, before int64, most int) (all []records.GuardDecision, err error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	err = g.o.Database.View(ctx, func(q store.SQL) (err error) {
		all, err = records.GuardDecisions(ctx, q, app, before, most)
		return err
	})
	return all, err
}

// Levels are the subjects that are not quiet on this node, the fullest first.
func (g *Guard) Levels(most int) []fraud.Level { return g.o.Engine.Levels(g.o.Now(), most) }
