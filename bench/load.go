package main

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// result is what one run of load measured.
type result struct {
	Flows    int64
	Requests int64
	Errors   int64
	Elapsed  time.Duration
	P50, P99 time.Duration // of a request
	First    string        // the first error
}

func (r result) rate() float64 { return float64(r.Flows) / r.Elapsed.Seconds() }

// numbers gives every flow a mobile number that was not used before: 13x and
// 10^9 of them. As with people, neighbours in time are no neighbours in number.
type numbers struct{ next atomic.Int64 }

// allNumbers is how many there are; stride, which has no factor in common with
// it, goes through all of them.
const allNumbers, stride = 1_000_000_000, 387_420_489

func (n *numbers) take() (int64, string) { return numberAt(n.next.Add(1)) }

// numberAt is the i-th number: its last nine digits, and all of it.
func numberAt(i int64) (int64, string) {
	digits := i % allNumbers * stride % allNumbers
	return digits, fmt.Sprintf("13%09d", digits)
}

// flow runs one flow on a connection and reports the latency of each request.
type flow func(c *conn, worker int, seen func(time.Duration)) error

// closedLoop keeps conns connections busy until n flows are done or the time
// is over, whichever comes first (0 means no bound).
func closedLoop(addr string, conns int, n int64, span time.Duration, f flow) (result, error) {
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex
		all      []time.Duration
		done     atomic.Int64
		failed   atomic.Int64
		firstErr atomic.Value
	)
	workers := make([]*conn, conns)
	for i := range workers {
		c, err := dial(addr)
		if err != nil {
			return result{}, err
		}
		defer c.Close()
		workers[i] = c
	}
	start := time.Now()
	for i, c := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			own := make([]time.Duration, 0, 1<<14)
			for (span == 0 || time.Since(start) < span) && (n == 0 || done.Load() < n) {
				if err := f(c, i, func(d time.Duration) { own = append(own, d) }); err != nil {
					failed.Add(1)
					firstErr.CompareAndSwap(nil, err.Error())
					if failed.Load() > 1000 {
						break
					}
					continue
				}
				done.Add(1)
			}
			mu.Lock()
			all = append(all, own...)
			mu.Unlock()
		}()
	}
	wg.Wait()
	r := result{Flows: done.Load(), Requests: int64(len(all)), Errors: failed.Load(), Elapsed: time.Since(start)}
	r.P50, r.P99 = percentiles(all)
	if e, ok := firstErr.Load().(string); ok {
		r.First = e
	}
	return r, nil
}

// openLoop starts flows at a fixed rate, whether or not earlier ones are done,
// and measures each request from the instant at which it was due.
func openLoop(addr string, conns int, rate float64, span time.Duration, f flow) (result, error) {
	due := make(chan time.Time, 1<<16)
	go func() {
		defer close(due)
		gap := time.Duration(float64(time.Second) / rate)
		start := time.Now()
		for at := start; at.Sub(start) < span; at = at.Add(gap) {
			if wait := time.Until(at); wait > 0 {
				time.Sleep(wait)
			}
			due <- at
		}
	}()
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex
		all      []time.Duration
		done     atomic.Int64
		failed   atomic.Int64
		firstErr atomic.Value
	)
	start := time.Now()
	for i := range conns {
		c, err := dial(addr)
		if err != nil {
			return result{}, err
		}
		defer c.Close()
		wg.Add(1)
		go func() {
			defer wg.Done()
			var own []time.Duration
			for at := range due {
				late := time.Since(at) // waiting for a free connection counts against the first request
				err := f(c, i, func(d time.Duration) { own = append(own, d+late); late = 0 })
				if err != nil {
					failed.Add(1)
					firstErr.CompareAndSwap(nil, err.Error())
					continue
				}
				done.Add(1)
			}
			mu.Lock()
			all = append(all, own...)
			mu.Unlock()
		}()
	}
	wg.Wait()
	r := result{Flows: done.Load(), Requests: int64(len(all)), Errors: failed.Load(), Elapsed: time.Since(start)}
	r.P50, r.P99 = percentiles(all)
	if e, ok := firstErr.Load().(string); ok {
		r.First = e
	}
	return r, nil
}

func percentiles(all []time.Duration) (p50, p99 time.Duration) {
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)*99/100]
}

// floorFlow is two requests to the floor.
func floorFlow(n *numbers) flow {
	return func(c *conn, _ int, seen func(time.Duration)) error {
		_, phone := n.take()
		for _, body := range [][]byte{getCodeBody(nil, benchKeyLike, phone), checkCodeBody(nil, benchKeyLike, phone, "123456")} {
			start := time.Now()
			status, _, err := c.post("/flow", body)
			if err != nil {
				return err
			}
			seen(time.Since(start))
			if status != 200 {
				return fmt.Errorf("status %d", status)
			}
		}
		return nil
	}
}

// benchKeyLike has the length of a real key.
const benchKeyLike = "kQ2m8sT0vYxW4bN6pR1cD3fG5hJ7kL9z"

func getCodeBody(dst []byte, key, phone string) []byte {
	dst = append(dst, `{"key":"`...)
	dst = append(dst, key...)
	dst = append(dst, `","phone_no":"`...)
	dst = append(dst, phone...)
	return append(dst, `"}`...)
}

func checkCodeBody(dst []byte, key, phone, code string) []byte {
	dst = getCodeBody(dst, key, phone)
	dst = append(dst[:len(dst)-1], `,"user_input_code":"`...)
	dst = append(dst, code...)
	return append(dst, `"}`...)
}

var statusOK = []byte(`{"status":"ok"`)

// patience is how long a flow waits for its code.
const patience = 20 * time.Second

// loginFlow asks for a code, takes it from the sink and answers it. keys are
// the apps that share the traffic.
func loginFlow(n *numbers, keys []string, codes *codeBook) flow {
	return func(c *conn, _ int, seen func(time.Duration)) error {
		i, phone := n.take()
		key := keys[i%int64(len(keys))]
		codes.expect(i, c.codes)
		defer codes.forget(i)
		start := time.Now()
		c.request = getCodeBody(c.request[:0], key, phone)
		status, body, err := c.post("/get-code", c.request)
		if err != nil {
			return err
		}
		seen(time.Since(start))
		if status != 200 || !bytes.HasPrefix(body, statusOK) {
			return fmt.Errorf("get-code: status %d: %s", status, body)
		}
		code, err := c.awaitCode(i)
		if err != nil {
			return err
		}
		start = time.Now()
		c.request = checkCodeBody(c.request[:0], key, phone, code)
		status, body, err = c.post("/check-code", c.request)
		if err != nil {
			return err
		}
		seen(time.Since(start))
		if status != 200 || !bytes.HasPrefix(body, statusOK) {
			return fmt.Errorf("check-code: status %d: %s", status, body)
		}
		return nil
	}
}

// arrival is a code that the sink saw.
type arrival struct {
	number int64
	code   string
}

// awaitCode waits for the code of a number; one of an earlier flow that gave up
// is passed over.
func (c *conn) awaitCode(number int64) (string, error) {
	c.late.Reset(patience)
	defer c.late.Stop()
	for {
		select {
		case a := <-c.codes:
			if a.number == number {
				return a.code, nil
			}
		case <-c.late.C:
			return "", fmt.Errorf("no code arrived in %v", patience)
		}
	}
}

// codeBook hands codes that the sink saw to the flows that wait for them.
type codeBook struct {
	shards [64]struct {
		sync.Mutex
		waiting map[int64]chan arrival
	}
}

func newCodeBook() *codeBook {
	b := &codeBook{}
	for i := range b.shards {
		b.shards[i].waiting = map[int64]chan arrival{}
	}
	return b
}

func (b *codeBook) expect(number int64, into chan arrival) {
	s := &b.shards[number%64]
	s.Lock()
	s.waiting[number] = into
	s.Unlock()
}

func (b *codeBook) forget(number int64) {
	s := &b.shards[number%64]
	s.Lock()
	delete(s.waiting, number)
	s.Unlock()
}

// arrived takes a line of the sink: "8613xxxxxxxxx code".
func (b *codeBook) arrived(line []byte) {
	phone, code, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(phone) < 9 {
		return
	}
	var number int64
	for _, digit := range phone[len(phone)-9:] {
		number = number*10 + int64(digit-'0')
	}
	s := &b.shards[number%64]
	s.Lock()
	into := s.waiting[number]
	s.Unlock()
	if into != nil {
		select {
		case into <- arrival{number, string(code)}:
		default:
		}
	}
}
