package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// deliveryConns are the connections that messages are posted over; each side
// counts with what suits it best.
var deliveryConns = []int{16, 64}

// side is one of two that are compared: what it sent, in how long, until the
// last message was at the sink.
type side struct {
	messages int64
	elapsed  time.Duration
	cpu      time.Duration
}

func (s *side) add(o side) {
	s.messages += o.messages
	s.elapsed += o.elapsed
	s.cpu += o.cpu
}

func (s side) rate() float64 { return float64(s.messages) / s.elapsed.Seconds() }

func (s side) perMessage() float64 { return float64(s.cpu.Microseconds()) / float64(s.messages) }

// delivery is what design.md asks for beside Kannel.
func (b *bench) delivery() error {
	sink, err := startCounter(b.self)
	if err != nil {
		return err
	}
	defer func() {
		_ = sink.kill()
		<-sink.ended
	}()
	if err := b.fromMemory(sink); err != nil {
		return err
	}
	return b.endToEnd(sink)
}

// fromMemory compares submissions from memory through one bind with Kannel end
// to end without a store.
func (b *bench) fromMemory(sink *counter) error {
	k, err := startKannel(filepath.Join(b.work, "kannel-memory"), sink.smpp, false)
	if err != nil {
		return err
	}
	defer k.stop()
	if err := sink.awaitBound(1); err != nil {
		return err
	}
	ours, theirs := side{}, newSides()
	for range turns {
		one, err := b.submits(sink)
		if err != nil {
			return err
		}
		ours.add(one)
		time.Sleep(settle)
		if err := theirs.turn(b, sink, k.addr, k.cpu, k.post); err != nil {
			return fmt.Errorf("run Kannel: %w", err)
		}
	}
	conns, kannel := theirs.best()
	b.add("SMPP submits from memory, one bind, window 100 ÷ Kannel", fmt.Sprintf("%.1f", ours.rate()/kannel.rate()), "2",
		fmt.Sprintf("%.0f submits/s; Kannel end to end without a store %.0f messages/s over %d connections (%s), %.0f µs of CPU each",
			ours.rate(), kannel.rate(), conns, theirs, kannel.perMessage()))
	return nil
}

// submits is one turn of our client, a process of its own.
func (b *bench) submits(sink *counter) (side, error) {
	out, err := exec.Command(b.self, "submit", "-smpp", sink.smpp, "-window", "100", "-span", (b.span / turns).String()).Output()
	if err != nil {
		return side{}, fmt.Errorf("submit: %w", err)
	}
	first, second, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	messages, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return side{}, err
	}
	took, err := strconv.ParseInt(second, 10, 64)
	return side{messages: messages, elapsed: time.Duration(took)}, err
}

// endToEnd compares messages that are posted, kept and submitted: on SQLite and
// flushed, and in Kannel's spool.
func (b *bench) endToEnd(sink *counter) error {
	k, err := startKannel(filepath.Join(b.work, "kannel-spool"), sink.smpp, true)
	if err != nil {
		return err
	}
	defer k.stop()
	y, err := startYanma(b.binary, filepath.Join(b.work, "delivery"), sink.smpp, smppWindow, 1)
	if err != nil {
		return err
	}
	if err := sink.awaitBound(2); err != nil {
		return errors.Join(err, y.stop())
	}
	ours, theirs := newSides(), newSides()
	for range turns {
		if err := ours.turn(b, sink, y.addr, y.cpu, y.postCode); err != nil {
			return errors.Join(fmt.Errorf("run Yanma: %w", err), y.stop())
		}
		if err := theirs.turn(b, sink, k.addr, k.cpu, k.post); err != nil {
			return errors.Join(fmt.Errorf("run Kannel: %w", err), y.stop())
		}
	}
	conns, yanma := ours.best()
	kannelConns, kannel := theirs.best()
	b.add("POST to sink, fsync'd on SQLite ÷ Kannel with its spool", fmt.Sprintf("%.2f", yanma.rate()/kannel.rate()), "0.7",
		fmt.Sprintf("%.0f messages/s over %d connections (%s), %.0f µs of CPU each; Kannel %.0f over %d (%s), %.0f µs",
			yanma.rate(), conns, ours, yanma.perMessage(), kannel.rate(), kannelConns, theirs, kannel.perMessage()))
	return y.stop()
}

// postCode asks for a code: one message to a new number.
func (y *yanma) postCode(c *conn, number string) error {
	c.request = getCodeBody(c.request[:0], y.keys[0], number)
	status, body, err := c.post("/get-code", c.request)
	if err == nil && (status != 200 || !strings.HasPrefix(string(body), string(statusOK))) {
		err = fmt.Errorf("get-code: status %d: %s", status, body)
	}
	return err
}

// sides is one side by the number of connections.
type sides map[int]*side

func newSides() sides {
	s := sides{}
	for _, conns := range deliveryConns {
		s[conns] = &side{}
	}
	return s
}

// turn posts over each number of connections for a while.
func (s sides) turn(b *bench, sink *counter, addr string, cpu func() (time.Duration, error), post func(c *conn, number string) error) error {
	for _, conns := range deliveryConns {
		one, err := b.posted(sink, addr, conns, cpu, post)
		if err != nil {
			return err
		}
		s[conns].add(one)
		time.Sleep(settle)
	}
	return nil
}

func (s sides) best() (conns int, best side) {
	for _, n := range deliveryConns {
		if s[n].rate() > best.rateOrZero() {
			conns, best = n, *s[n]
		}
	}
	return conns, best
}

func (s side) rateOrZero() float64 {
	if s.elapsed == 0 {
		return 0
	}
	return s.rate()
}

// String is the rate over each number of connections.
func (s sides) String() string {
	var all []string
	for _, conns := range deliveryConns {
		all = append(all, fmt.Sprintf("%d: %.0f", conns, s[conns].rate()))
	}
	return strings.Join(all, ", ")
}

// posted keeps connections busy with messages, and then waits until the last one
// is at the sink.
func (b *bench) posted(sink *counter, addr string, conns int, cpu func() (time.Duration, error), post func(c *conn, number string) error) (side, error) {
	before, _, err := sink.taken()
	if err != nil {
		return side{}, err
	}
	spent, err := cpu()
	if err != nil {
		return side{}, err
	}
	start := time.Now()
	r, err := closedLoop(addr, conns, 0, b.span/turns/time.Duration(len(deliveryConns)), func(c *conn, _ int, _ func(time.Duration)) error {
		_, number := b.number.take()
		return post(c, number)
	})
	if err != nil {
		return side{}, err
	}
	if r.Errors > 0 || r.Flows == 0 {
		return side{}, fmt.Errorf("%d messages, %s", r.Flows, r.failures())
	}
	if err := sink.awaitTaken(before + r.Flows); err != nil {
		return side{}, err
	}
	s := side{messages: r.Flows, elapsed: time.Since(start)}
	after, err := cpu()
	s.cpu = after - spent
	return s, err
}

// awaitTaken waits for messages that were accepted.
func (c *counter) awaitTaken(want int64) error {
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		messages, _, err := c.taken()
		if err != nil || messages >= want {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d accepted messages are not at the sink after 60 s", want-messages)
		}
	}
}
