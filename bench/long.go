package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"
)

// age drives a million flows into one server and measures what they change:
// rate, latency, memory.
func (b *bench) age(fresh map[int]float64) error {
	folder := filepath.Join(b.work, "aged")
	y, err := startYanma(b.binary, folder, b.smpp, smppWindow, 1)
	if err != nil {
		return err
	}
	r, err := closedLoop(y.addr, 256, b.aged, 0, loginFlow(b.number, y.keys, b.codes))
	if err != nil {
		return err
	}
	now, highest, err := y.memory()
	if err != nil {
		return err
	}
	b.add(fmt.Sprintf("resident memory after %d flows by as many phones", b.aged), fmt.Sprintf("%d MiB", now>>20), "384 MiB",
		fmt.Sprintf("at its highest %d MiB; %d errors; %.0f flows/s on the way", highest>>20, r.Errors, r.rate()))
	aged, err := closedLoop(y.addr, 256, 0, b.span, loginFlow(b.number, y.keys, b.codes))
	if err != nil {
		return err
	}
	b.add("aged by these flows ÷ fresh, 256 connections", fmt.Sprintf("%.2f", aged.rate()/fresh[256]), "0.85", fmt.Sprintf("%.0f flows/s", aged.rate()))
	open, err := openLoop(y.addr, 512, aged.rate()*0.6, b.span*2, loginFlow(b.number, y.keys, b.codes))
	if err != nil {
		return err
	}
	b.add("p99 of a request at 60 % of the highest rate, aged", fmt.Sprintf("%.1f ms", float64(open.P99.Microseconds())/1000), "50 ms",
		fmt.Sprintf("p50 %.1f ms, %.0f flows/s offered, %d errors", float64(open.P50.Microseconds())/1000, aged.rate()*0.6, open.Errors))
	if err := y.stop(); err != nil {
		return err
	}
	start := time.Now()
	again, err := startYanma(b.binary, folder, b.smpp, smppWindow, 0)
	if err != nil {
		return err
	}
	b.add("start on the aged folder, with a day's counters", fmt.Sprintf("%.1f s", time.Since(start).Seconds()), "2 s", "")
	return again.stop()
}

// overload offers twenty times what the server can do, and asks for its health
// meanwhile.
func (b *bench) overload() error {
	y, err := startYanma(b.binary, filepath.Join(b.work, "overload"), b.smpp, smppWindow, 1)
	if err != nil {
		return err
	}
	return errors.Join(b.storm(y, "overload"), y.stop())
}

// storm is the overload of one server.
func (b *bench) storm(y *yanma, name string) error {
	const storm = 5000 // connections that never wait
	var shed, other atomic.Int64
	send := func(c *conn, _ int, seen func(time.Duration)) error {
		_, phone := b.number.take()
		start := time.Now()
		status, _, err := c.post("/get-code", getCodeBody(nil, y.keys[0], phone))
		if err != nil {
			other.Add(1)
			return err
		}
		seen(time.Since(start))
		if status == 500 {
			shed.Add(1)
		}
		return nil
	}
	healthy, asked := 0, 0
	quit := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			case <-time.After(500 * time.Millisecond):
				asked++
				if probe(y.operator) {
					healthy++
				}
			}
		}
	}()
	r, err := closedLoop(y.addr, storm, 0, b.span, send)
	close(quit)
	<-done
	if err != nil {
		return err
	}
	_, highest, err := y.memory()
	if err != nil {
		return err
	}
	start := time.Now()
	for time.Since(start) < 30*time.Second {
		after, err := closedLoop(y.addr, 8, 8, 0, loginFlow(b.number, y.keys, b.codes))
		if err == nil && after.Errors == 0 {
			break
		}
	}
	b.add(name+": answers in the dialect's own error", fmt.Sprintf("%.0f %% shed", 100*float64(shed.Load())/float64(max(r.Requests, 1))), "sheds",
		fmt.Sprintf("%d connections, %d requests, %d without an answer; health answered %d of %d", storm, r.Requests, other.Load(), healthy, asked))
	b.add(name+": resident memory at its highest", fmt.Sprintf("%d MiB", highest>>20), "512 MiB", "")
	b.add(name+": back in service after", fmt.Sprintf("%.1f s", time.Since(start).Seconds()), "10 s", "")
	return nil
}

func probe(addr string) bool {
	c, err := dial(addr)
	if err != nil {
		return false
	}
	defer c.Close()
	c.out = append(c.out[:0], "GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n"...)
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return false
	}
	if _, err := c.Write(c.out); err != nil {
		return false
	}
	status, _, err := c.answer()
	return err == nil && status == 200
}
