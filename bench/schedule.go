package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the measurement of schedules that are due in one minute.
const (
	dueAtOnce    = 50_000
	scheduleCall = 32 // connections that make them
	dueWithin    = 90 * time.Second
	scheduleZone = 8 * time.Hour // of contracts/jsms.md §7
)

// arrivals counts the messages of numbers that the sink saw.
type arrivals struct {
	sync.Mutex
	by map[string]int
}

// watch counts lines of the sink until it ends.
func (a *arrivals) watch(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	go func() {
		in := bufio.NewScanner(c)
		for in.Scan() {
			phone, _, _ := strings.Cut(in.Text(), " ")
			a.Lock()
			a.by[phone]++
			a.Unlock()
		}
	}()
	return nil
}

func (a *arrivals) count() (numbers, twice int) {
	a.Lock()
	defer a.Unlock()
	for _, n := range a.by {
		if n > 1 {
			twice++
		}
	}
	return len(a.by), twice
}

// schedules measures how long 50,000 schedules take that are due at once; the
// server is killed when half of them have left, and started again.
func (b *bench) schedules() error {
	sink, line, err := startProcess(b.self, "sink")
	if err != nil {
		return err
	}
	defer func() { _ = sink.kill() }()
	smpp, codes, _ := strings.Cut(line, " ")
	seen := &arrivals{by: map[string]int{}}
	if err := seen.watch(codes); err != nil {
		return err
	}
	folder := filepath.Join(b.work, "schedules")
	y, err := startYanma(b.binary, folder, smpp, smppWindow, 1)
	if err != nil {
		return err
	}
	auth, template, err := y.speakJSMS()
	if err != nil {
		return errors.Join(err, y.stop())
	}
	// Far enough to be made in time; then the clock is waited for.
	begun := time.Now()
	due := begun.Add(b.forMaking()).Truncate(time.Second)
	if err := b.makeSchedules(y, auth, template, due); err != nil {
		return errors.Join(err, y.stop())
	}
	made := time.Since(begun)
	if late := time.Since(due); late > 0 {
		return errors.Join(fmt.Errorf("the schedules took %v to make", made), y.stop())
	}
	time.Sleep(time.Until(due))
	if err := await(due, dueWithin, func() bool { n, _ := seen.count(); return n >= b.due()/2 }); err != nil {
		return errors.Join(err, y.stop())
	}
	if err := y.kill(); err != nil {
		return err
	}
	<-y.ended
	left, _ := seen.count()
	again, err := startYanma(b.binary, folder, smpp, smppWindow, 0)
	if err != nil {
		return err
	}
	failed := await(due, 2*dueWithin, func() bool { n, _ := seen.count(); return n >= b.due() })
	took := time.Since(due)
	time.Sleep(settle) // one that is sent twice may come later
	n, twice := seen.count()
	b.add(fmt.Sprintf("%d schedules due at once, a kill -9 in the middle", b.due()), took.Round(100*time.Millisecond).String(), "90s",
		fmt.Sprintf("%d numbers got a message, %d of them more than one; %d before the kill; made in %v", n, twice, left, made.Round(time.Second)))
	if failed == nil && twice > 0 {
		failed = fmt.Errorf("%d numbers got more than one message", twice)
	}
	return errors.Join(failed, again.stop())
}

// due is how many schedules are made: fewer for a short look.
func (b *bench) due() int {
	if b.span < 10*time.Second {
		return dueAtOnce / 25
	}
	return dueAtOnce
}

// forMaking is how long the making may take.
func (b *bench) forMaking() time.Duration {
	return 15*time.Second + time.Duration(b.due())*time.Millisecond
}

func await(since time.Time, most time.Duration, done func() bool) error {
	for !done() {
		if time.Since(since) > most {
			return fmt.Errorf("not done in %v", most)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// makeSchedules makes them, each of one number.
func (b *bench) makeSchedules(y *yanma, auth, template string, due time.Time) error {
	at := due.UTC().Add(scheduleZone).Format("2006-01-02 15:04:05")
	var group sync.WaitGroup
	var next atomic.Int64
	failures := make([]error, scheduleCall)
	for i := range scheduleCall {
		group.Go(func() {
			c, err := dial(y.addr)
			if err != nil {
				failures[i] = err
				return
			}
			defer c.Close()
			c.auth = auth
			for next.Add(1) <= int64(b.due()) {
				_, phone := b.number.take()
				body := fmt.Sprintf(`{"send_time":%q,"mobile":%q,"temp_id":%s,"temp_para":{"number":"741627"}}`, at, phone, template)
				status, answer, err := c.post("/v1/schedule", []byte(body))
				if err == nil && status != 200 {
					err = fmt.Errorf("schedule: status %d: %s", status, answer)
				}
				if err != nil {
					failures[i] = err
					return
				}
			}
		})
	}
	group.Wait()
	return errors.Join(failures...)
}
