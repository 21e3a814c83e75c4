package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/captcha/puzzle"
)

const (
	captchaConns  = 32
	captchaTarget = "200"
)

// captcha is design.md's line of pictures a second: drawn by themselves, and
// served over HTTP, each once.
func (b *bench) captcha() error {
	if err := b.drawing(); err != nil {
		return err
	}
	o, err := b.startOneAccess("captcha")
	if err != nil {
		return err
	}
	return errors.Join(b.pictures(o), o.server.stop())
}

// drawing draws and encodes on all cores, in this process.
func (b *bench) drawing() error {
	var (
		wg     sync.WaitGroup
		drawn  atomic.Int64
		failed atomic.Value
	)
	start, before := time.Now(), ownCPU()
	for range runtime.NumCPU() {
		wg.Go(func() {
			drawer := puzzle.NewDrawer(rand.Reader, "")
			for time.Since(start) < b.span/2 {
				if _, err := drawer.Draw(); err != nil {
					failed.CompareAndSwap(nil, err)
					return
				}
				drawn.Add(1)
			}
		})
	}
	wg.Wait()
	if err, ok := failed.Load().(error); ok {
		return err
	}
	rate := float64(drawn.Load()) / time.Since(start).Seconds()
	b.add("captcha pictures drawn a second, all cores", fmt.Sprintf("%.0f", rate), captchaTarget,
		fmt.Sprintf("background and piece, in Base64; %.0f µs of CPU each", float64((ownCPU()-before).Microseconds())/float64(max(1, drawn.Load()))))
	return nil
}

// pictures asks for as many as the server gives, each person from an address of
// its own; a token that comes twice is an error.
func (b *bench) pictures(o *oneAccess) error {
	var tokens sync.Map
	var twice atomic.Int64
	look := func(c *conn, _ int, seen func(time.Duration)) error {
		token, err := o.picture(c, o.caller(c, o.number.next.Add(1)), seen)
		if err != nil {
			return err
		}
		if _, known := tokens.LoadOrStore(token, struct{}{}); known {
			twice.Add(1)
		}
		return nil
	}
	if _, _, err := o.measured(captchaConns, warmUp/2, look); err != nil {
		return err
	}
	r, c, err := o.measured(captchaConns, b.span, look)
	if err != nil {
		return err
	}
	if n := twice.Load(); n > 0 {
		return fmt.Errorf("captcha: %d pictures were served twice", n)
	}
	b.add(fmt.Sprintf("captcha pictures a second over HTTP, each served once, %d connections", captchaConns), fmt.Sprintf("%.0f", r.rate()), captchaTarget,
		fmt.Sprintf("p50 %v, p99 %v, server CPU %.0f µs each, the generator %.0f µs, %s", r.P50.Round(10*time.Microsecond), r.P99.Round(10*time.Microsecond),
			perFlow(c.servers, r), perFlow(c.generator, r), r.failures()))
	return nil
}
