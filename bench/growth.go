package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/sqlite"
)

// What growth measures: the flow in a database of few codes, and of many, half
// of which are so old that they go meanwhile.
const (
	fewCodes  = 100_000
	codesKept = 30 * 24 * time.Hour // the default of retention.verifications
	fillBatch = 5000
)

// growth runs on SQLite, or on PostgreSQL with -only growth-postgres.
func (b *bench) growth(onPostgres bool) (err error) {
	g := &grown{bench: b, name: "SQLite", folder: filepath.Join(b.work, "growth")}
	g.open = func() (store.Engine, error) {
		return sqlite.Open(context.Background(), sqlite.Options{Folder: filepath.Join(g.folder, "data"), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	}
	if onPostgres {
		d, err := startDatabase(context.Background())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.stop()) }()
		if g.lines, err = d.create(context.Background(), "growth"); err != nil {
			return err
		}
		g.name = "PostgreSQL"
		g.open = func() (store.Engine, error) {
			return postgres.Open(context.Background(), postgres.Options{URL: d.URL("growth"), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		}
	}
	return g.measure()
}

// grown is one engine's database that is filled.
type grown struct {
	*bench
	name, folder, lines string
	open                func() (store.Engine, error)
	keys                []string
}

func (g *grown) measure() error {
	y, err := startYanma(g.binary, g.folder, g.smpp, smppWindow, 1, g.lines)
	if err != nil {
		return err
	}
	g.keys = y.keys
	if err := y.stop(); err != nil {
		return err
	}
	few, err := g.with(fewCodes, 0)
	if err != nil {
		return err
	}
	began := time.Now()
	old := g.grow / 2
	many, err := g.with(g.grow-fewCodes-old, old)
	if err != nil {
		return err
	}
	g.add(fmt.Sprintf("%s, flows with %d codes ÷ with %d", g.name, g.grow, fewCodes), fmt.Sprintf("%.2f", many.rate/few.rate), "0.7",
		fmt.Sprintf("%.0f and %.0f flows/s at 256 connections, %d errors; filled and measured in %.0f s", many.rate, few.rate, many.errors+few.errors, time.Since(began).Seconds()))
	g.add(g.name+", p99 of a request at 60 % of that rate", fmt.Sprintf("%.1f ms", ms(many.p99)), "50 ms", fmt.Sprintf("with %d codes %.1f ms", fewCodes, ms(few.p99)))
	g.add(g.name+", old codes that went meanwhile", fmt.Sprintf("%.0f a second", float64(many.swept)/many.time.Seconds()), "-",
		fmt.Sprintf("%d of %d in %.0f s; the data folder has %d MiB", many.swept, old, many.time.Seconds(), many.size>>20))
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// filled is what was measured with so many codes.
type filled struct {
	rate   float64
	p99    time.Duration
	errors int64
	swept  int64
	time   time.Duration
	size   int64 // of the data folder
}

// with adds codes of the last weeks and old ones, then measures a server that
// is started on them. The sweep begins at the start.
func (g *grown) with(fresh, old int64) (f filled, err error) {
	now := time.Now()
	e, err := g.open()
	if err != nil {
		return f, err
	}
	if s, ok := e.(interface{ Start() }); ok {
		s.Start()
	}
	err = errors.Join(fill(e, now.Add(-2*codesKept), now.Add(-codesKept-time.Hour), old),
		fill(e, now.Add(-codesKept+2*time.Hour), now.Add(-2*time.Hour), fresh))
	before, counted := countOld(e, now)
	if err = errors.Join(err, counted, e.Close()); err != nil {
		return f, err
	}
	start := time.Now()
	y, err := startYanma(g.binary, g.folder, g.smpp, smppWindow, 0, g.lines)
	if err != nil {
		return f, err
	}
	if _, err := closedLoop(y.addr, 256, 0, warmUp, loginFlow(g.number, g.keys, g.codes)); err != nil {
		return f, err
	}
	closed, err := closedLoop(y.addr, 256, 0, g.span, loginFlow(g.number, g.keys, g.codes))
	if err != nil {
		return f, err
	}
	open, err := openLoop(y.addr, 512, closed.rate()*0.6, g.span, loginFlow(g.number, g.keys, g.codes))
	if err != nil {
		return f, err
	}
	f = filled{rate: closed.rate(), p99: open.P99, errors: closed.Errors + open.Errors, size: folderSize(filepath.Join(g.folder, "data"))}
	if err := y.stop(); err != nil {
		return f, err
	}
	f.time = time.Since(start)
	if e, err = g.open(); err != nil {
		return f, err
	}
	after, err := countOld(e, now)
	f.swept = before - after
	return f, errors.Join(err, e.Close())
}

// fill adds n codes that were made at an even pace from one instant to another,
// as a server leaves them behind: one in ten never answered.
func fill(e store.Engine, from, to time.Time, n int64) error {
	ctx := context.Background()
	var b store.Batch
	step := to.Sub(from) / time.Duration(max(n, 1))
	for first := int64(0); first < n; first += fillBatch {
		tx, err := e.Begin(ctx)
		if err != nil {
			return err
		}
		b.Begin(store.At(time.Now()))
		for i := first; i < min(first+fillBatch, n); i++ {
			b.PutVerification(oldCode(from.Add(time.Duration(i)*step), i))
		}
		if err = tx.Write(ctx, &b); err == nil {
			err = tx.Commit(ctx)
		}
		tx.Rollback()
		if err != nil {
			return err
		}
	}
	return nil
}

func oldCode(at time.Time, i int64) store.Verification {
	id := core.IDAt(at) + 1<<13*200 + i%(1<<13) // of another node, with a sequence
	v := store.Verification{ID: core.VerificationID(id), Tenant: 1, App: 1, Purpose: core.PurposeLogin, Channel: core.ChannelSMS,
		State: store.VerificationVerified, Expires: store.At(at.Add(5 * time.Minute)), CodeKey: 1, Message: core.MessageID(id)}
	if i%10 == 0 {
		v.State = store.VerificationExpired
	}
	binary.BigEndian.PutUint64(v.Index.A[:], uint64(i)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(v.Index.A[8:], uint64(id)*0xbf58476d1ce4e5b9)
	for k := range 4 {
		binary.BigEndian.PutUint64(v.CodeMAC[8*k:], uint64(id)*(0x94d049bb133111eb+uint64(k)))
	}
	binary.BigEndian.PutUint64(v.CodeSalt[:], uint64(id)*0x2545f4914f6cdd1d)
	return v
}

// countOld counts the codes that are past their time at an instant.
func countOld(e store.Engine, now time.Time) (n int64, err error) {
	ctx := context.Background()
	err = e.View(ctx, func(q store.SQL) error {
		return q.Query(ctx, "SELECT COUNT(*) FROM verification WHERE id < $1", func(r store.Scanner) error { return r.Scan(&n) },
			core.IDAt(now.Add(-codesKept)))
	})
	return n, err
}

func folderSize(folder string) (size int64) {
	files, _ := os.ReadDir(folder)
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			size += info.Size()
		}
	}
	return size
}
