package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"yanma.dev/yanma/internal/store/postgres/postgrestest"
)

// onPostgres is the part of a run that measures PostgreSQL, on the same cores.
type onPostgres struct {
	*bench
	database *database
}

// postgres measures the flow on PostgreSQL, with a synchronous standby, and
// with two nodes on one database.
func (b *bench) postgres() (err error) {
	ctx := context.Background()
	d, err := startDatabase(ctx)
	if errors.Is(err, postgrestest.ErrMissing) && b.only == "" {
		b.add("PostgreSQL", "not measured", "-", err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	p := &onPostgres{bench: b, database: d}
	store, err := d.create(ctx, "bench")
	if err != nil {
		return err
	}
	folder := filepath.Join(b.work, "postgres")
	y, err := startYanma(b.binary, folder, b.smpp, smppWindow, 100, store)
	if err != nil {
		return err
	}
	err = p.flow(y)
	if err == nil && b.only != "postgres-flow" {
		err = errors.Join(p.tenants(y), p.synchronous(ctx, y), p.twoNodes(y, store, filepath.Join(folder, "data", "keyring.json")))
	}
	if err == nil && b.only != "postgres-flow" {
		err = b.storm(y, "overload on PostgreSQL")
	}
	return errors.Join(err, y.stop())
}

func (p *onPostgres) spent(servers []*yanma) (c cost, err error) {
	if c, err = p.bench.spent(servers); err == nil {
		c.database, err = p.database.cpu()
	}
	return c, err
}

// drive keeps connections busy, as many for each server, and measures what it
// costs. Flows use so many of the first server's apps.
func (p *onPostgres) drive(servers []*yanma, conns, apps int, span time.Duration) (all result, c cost, err error) {
	before, err := p.spent(servers)
	if err != nil {
		return all, c, err
	}
	results, failures := make([]result, len(servers)), make([]error, len(servers))
	f := loginFlow(p.number, servers[0].keys[:apps], p.codes)
	var wg sync.WaitGroup
	for i, y := range servers {
		wg.Go(func() { results[i], failures[i] = closedLoop(y.addr, conns/len(servers), 0, span, f) })
	}
	wg.Wait()
	after, err := p.spent(servers)
	for _, r := range results {
		all.Flows += r.Flows
		all.Errors += r.Errors
		all.Elapsed = max(all.Elapsed, r.Elapsed)
		all.P50, all.P99 = max(all.P50, r.P50), max(all.P99, r.P99)
		if all.First == "" {
			all.First = r.First
		}
	}
	if err = errors.Join(err, errors.Join(failures...)); err == nil && all.Flows == 0 {
		err = fmt.Errorf("no flow succeeded: %s", all.First)
	}
	return all, after.minus(before), err
}

// flow is the main measurement.
func (p *onPostgres) flow(y *yanma) error {
	targets := map[int][2]string{32: {"0.13", "190 µs"}, 256: {"0.20", "160 µs"}}
	for _, conns := range []int{32, 256} {
		r, floor, err := p.againstFloor(conns, func(conns int, span time.Duration) (result, cost, error) {
			return p.drive([]*yanma{y}, conns, 1, span)
		})
		if err != nil {
			return err
		}
		p.add(fmt.Sprintf("PostgreSQL, flows ÷ floor's, %d connections", conns), fmt.Sprintf("%.3f", r.rate()/floor.rate()), targets[conns][0],
			fmt.Sprintf("%.0f flows/s, floor %.0f, p50 %v, p99 %v of a request, %s", r.rate(), floor.rate(),
				r.P50.Round(10*time.Microsecond), r.P99.Round(10*time.Microsecond), r.failures()))
		p.add(fmt.Sprintf("server CPU a flow on PostgreSQL, %d connections", conns), fmt.Sprintf("%.0f µs", perFlow(r.servers, r.result)), targets[conns][1],
			fmt.Sprintf("%.1f × the generator's; beside it the database %.0f µs, the sink %.0f µs, the generator %.0f µs",
				float64(r.servers)/float64(r.generator), perFlow(r.database, r.result), perFlow(r.sink, r.result), perFlow(r.generator, r.result)))
	}
	return nil
}

// alternate measures two things in turn, twice each, so that a machine that
// changes its speed meanwhile does so to both.
func (p *onPostgres) alternate(one, other func(span time.Duration) (result, cost, error)) (a, b compared, err error) {
	for range 2 {
		for _, turn := range []struct {
			run  func(time.Duration) (result, cost, error)
			into *compared
		}{{one, &a}, {other, &b}} {
			r, c, err := turn.run(p.span / 3)
			if err != nil {
				return a, b, err
			}
			turn.into.add(r, c)
		}
	}
	return a, b, nil
}

// compare reports one side ÷ the other.
func (p *onPostgres) compare(name, target string, base, other compared) {
	p.add(name, fmt.Sprintf("%.2f", other.rate()/base.rate()), target,
		fmt.Sprintf("%.0f and %.0f flows/s, database %.0f and %.0f µs a flow, p99 %v and %v, %s; %s", other.rate(), base.rate(),
			perFlow(other.database, other.result), perFlow(base.database, base.result), other.P99.Round(100*time.Microsecond),
			base.P99.Round(100*time.Microsecond), other.failures(), base.failures()))
}

func (p *onPostgres) tenants(y *yanma) error {
	with := func(apps int) func(time.Duration) (result, cost, error) {
		return func(span time.Duration) (result, cost, error) { return p.drive([]*yanma{y}, 256, apps, span) }
	}
	if _, _, err := with(100)(warmUp); err != nil { // every tenant's accounts are there
		return err
	}
	hundred, one, err := p.alternate(with(100), with(1))
	if err == nil {
		p.compare("PostgreSQL, one tenant ÷ a hundred tenants", "0.9", hundred, one)
	}
	return err
}

// synchronous compares commits that wait for a standby with those of a server
// that has none.
func (p *onPostgres) synchronous(ctx context.Context, y *yanma) error {
	alone := func(span time.Duration) (r result, c cost, err error) {
		if err := p.database.dropStandby(ctx); err != nil {
			return r, c, err
		}
		return p.settled(y, span)
	}
	waiting := func(span time.Duration) (r result, c cost, err error) {
		if err := p.database.addStandby(ctx); err != nil {
			return r, c, err
		}
		return p.settled(y, span)
	}
	none, standby, err := p.alternate(alone, waiting)
	if err == nil {
		p.compare("PostgreSQL, synchronous standby ÷ none", "0.75", none, standby)
	}
	return errors.Join(err, p.database.dropStandby(ctx))
}

// settled measures one server after a moment of load that does not count.
func (p *onPostgres) settled(y *yanma, span time.Duration) (result, cost, error) {
	if r, c, err := p.drive([]*yanma{y}, 256, 1, time.Second); err != nil {
		return r, c, err
	}
	return p.drive([]*yanma{y}, 256, 1, span)
}

// twoNodes compares two nodes on one database with one, with as many
// connections in all, all for one tenant.
func (p *onPostgres) twoNodes(y *yanma, store, keyring string) error {
	second, err := startYanma(p.binary, filepath.Join(p.work, "second"), p.smpp, smppWindow, 0, store, "node = 1", fmt.Sprintf("keyring = %q", keyring))
	if err != nil {
		return err
	}
	nodes := []*yanma{y, second}
	if _, _, err := p.drive(nodes, 256, 1, warmUp); err != nil {
		return errors.Join(err, second.stop())
	}
	one, two, err := p.alternate(func(span time.Duration) (result, cost, error) { return p.drive(nodes[:1], 256, 1, span) },
		func(span time.Duration) (result, cost, error) { return p.drive(nodes, 256, 1, span) })
	if err == nil {
		p.compare("two nodes on one PostgreSQL ÷ one", "0.85", one, two)
	}
	return errors.Join(err, second.stop())
}
