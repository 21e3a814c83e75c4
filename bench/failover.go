package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The load of requirement row 36.
const (
	failoverRate  = 200 // codes a second
	failoverBlack = 5 * time.Second
	failoverSpan  = 30 * time.Second
	failoverLimit = 10 * time.Second // of a submission: the default response_timeout
	failoverLast  = 60 * time.Second // how long a code is waited for
)

// failover measures what a silent primary costs: under 200 codes a second its
// line loses everything from one instant on, and new connections are accepted
// and never answered.
func (b *bench) failover() error {
	hole, err := newBlackHole(b.smpp)
	if err != nil {
		return err
	}
	defer hole.close()
	primary := fmt.Sprintf("[[provider]]\nname = \"primary\"\ntype = \"smpp\"\naddress = %q\nsystem_id = %q\npassword = \"env:BENCH_PASSWORD\"\nsource = \"YANMA\"",
		hole.address(), sinkSystemID)
	y, err := startYanma(b.binary, filepath.Join(b.work, "failover"), b.smpp, 10, 1, primary)
	if err != nil {
		return err
	}
	time.Sleep(time.Second) // both are bound
	all := b.steady(y, hole)
	if err := y.stop(); err != nil {
		return err
	}
	return b.reportFailover(all)
}

// sent is one code on its way: how long until the sink had it.
type sent struct {
	after time.Duration // the start of the load
	took  time.Duration // 0: it never came
	err   error
}

// steady asks for codes at an even rate.
func (b *bench) steady(y *yanma, hole *blackHole) []sent {
	all := make([]sent, int(failoverRate*failoverSpan/time.Second))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: failoverRate}, Timeout: failoverLimit}
	defer client.CloseIdleConnections()
	began := time.Now()
	black := time.AfterFunc(failoverBlack, hole.swallow)
	defer black.Stop()
	var callers sync.WaitGroup
	for i := range all {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / failoverRate)))
		callers.Go(func() { all[i] = b.one(client, y, time.Since(began)) })
	}
	callers.Wait()
	return all
}

func (b *bench) one(client *http.Client, y *yanma, after time.Duration) sent {
	i, phone := b.number.take()
	codes := make(chan arrival, 2)
	b.codes.expect(i, codes)
	defer b.codes.forget(i)
	start := time.Now()
	answer, err := client.Post("http://"+y.addr+"/get-code", "application/json", strings.NewReader(string(getCodeBody(nil, y.keys[0], phone))))
	if err != nil {
		return sent{after: after, err: err}
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || !strings.HasPrefix(string(body), string(statusOK)) {
		return sent{after: after, err: fmt.Errorf("get-code: %s %w", body, err)}
	}
	select {
	case <-codes:
		return sent{after: after, took: time.Since(start)}
	case <-time.After(failoverLast):
		return sent{after: after}
	}
}

func (b *bench) reportFailover(all []sent) error {
	var before, since []time.Duration
	lost, slow := 0, 0
	var settled time.Duration // when the last code was asked for that took longer than a second
	for _, s := range all {
		switch {
		case s.err != nil:
			return s.err
		case s.took == 0:
			lost++
		case s.after < failoverBlack-time.Second:
			before = append(before, s.took)
		default:
			since = append(since, s.took)
			if s.took > time.Second {
				slow++
				settled = max(settled, s.after-failoverBlack)
			}
		}
	}
	slices.Sort(before)
	slices.Sort(since)
	p99 := func(all []time.Duration) time.Duration { return all[len(all)*99/100].Round(time.Millisecond) }
	b.add("primary blackholed at 200/s: p99 added", (p99(since) - p99(before)).String(), "≤ "+failoverLimit.String(),
		fmt.Sprintf("p99 %v before, %v from then on, longest %v", p99(before), p99(since), since[len(since)-1].Round(time.Millisecond)))
	b.add("primary blackholed: codes lost", fmt.Sprint(lost), "0", fmt.Sprintf("of %d", len(all)))
	b.add("primary blackholed: all by the second one", fmt.Sprintf("%.1f s after it fell silent", settled.Seconds()), "≤ 15 s",
		fmt.Sprintf("which is 5 s after the first time-out; %d codes took longer than a second", slow))
	return nil
}

// blackHole is a way to a server that can lose everything from one instant on.
type blackHole struct {
	listener net.Listener
	to       string
	black    atomic.Bool
	mu       sync.Mutex
	open     []net.Conn
}

func newBlackHole(to string) (*blackHole, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &blackHole{listener: l, to: to}
	go h.accept()
	return h, nil
}

func (h *blackHole) address() string { return h.listener.Addr().String() }

// swallow loses everything from now on; no connection is closed.
func (h *blackHole) swallow() { h.black.Store(true) }

func (h *blackHole) accept() {
	for {
		near, err := h.listener.Accept()
		if err != nil {
			return
		}
		h.keep(near)
		if h.black.Load() {
			continue
		}
		far, err := net.Dial("tcp", h.to)
		if err != nil {
			near.Close()
			continue
		}
		h.keep(far)
		go h.pass(near, far)
		go h.pass(far, near)
	}
}

func (h *blackHole) pass(from, to net.Conn) {
	buffer := make([]byte, 1<<14)
	for {
		n, err := from.Read(buffer)
		if h.black.Load() {
			if err != nil {
				return
			}
			continue
		}
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			to.Close()
			return
		}
	}
}

func (h *blackHole) keep(c net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = append(h.open, c)
}

func (h *blackHole) close() {
	h.listener.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.open {
		c.Close()
	}
}
