package simulation

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// The load of requirement row 36, in the world's time.
const (
	loadRate     = 200 // codes a second
	loadLength   = 20 * time.Second
	blackAfter   = 3 * time.Second  // the primary answers until then
	submitLimit  = 10 * time.Second // config.Provider.ResponseTimeout
	failoverTime = 5 * time.Second  // after the first time-out
)

// TestReq36_BlackholedPrimary: under 200 codes a second the first carrier goes
// silent: its line loses everything, and new connections are accepted and never
// answered. Every code reaches its phone, at most twice; all go by the second
// carrier within 5 s of the first time-out; and at the 99th percentile a code
// takes at most the time limit of a submission longer. All times are those of
// the bubble: nothing depends on the machine.
func TestReq36_BlackholedPrimary(t *testing.T) {
	s := newSite(t)
	bubble(t, func(t *testing.T) {
		w := &world{t: t, fate: 36, net: newNetwork(36), folder: scratch(t), site: s, hits: newHits(), crashed: make(chan *life, 64),
			planted: planted{window: 10}}
		w.trace.began = time.Now()
		w.calm.Store(true)
		w.next = filepath.Join(w.folder, "life0")
		ok(t, s.unpack(w.next))
		time.Sleep(time.Minute)
		for i := range w.carriers {
			w.carriers[i] = newCarrier(w, i)
		}
		w.gateway = newGateway(w)
		w.start()
		time.Sleep(2 * time.Second) // both are bound

		began := time.Now()
		asked := make([]time.Time, int(loadRate*loadLength/time.Second))
		var callers sync.WaitGroup
		black := time.AfterFunc(blackAfter, func() {
			w.carriers[0].Mute(true)
			w.net.swallow(w.carriers[0].name)
		})
		defer black.Stop()
		for i := range asked {
			callers.Go(func() {
				time.Sleep(time.Duration(i) * time.Second / loadRate)
				asked[i] = time.Now()
				if !w.askFor(i) {
					asked[i] = time.Time{}
				}
			})
		}
		callers.Wait()
		time.Sleep(submitLimit + 10*time.Second)
		w.checkBlackhole(t, began, asked)
		w.carriers[0].Mute(false)
		ok(t, w.current.stop())
		w.ending.Wait()
		w.gateway.close()
		for _, c := range w.carriers {
			c.Stop()
		}
	})
}

// askFor asks for a code for a number of its own; false when the server refused.
func (w *world) askFor(i int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := w.net.dial(ctx, "people", fmt.Sprint("load ", i), fmt.Sprintf("10.2.%d.%d:1000", i/250, i%250), publicAddr)
	if err != nil {
		return false
	}
	defer c.Close()
	body := fmt.Sprintf(`{"key":%q,"phone_no":%q}`, w.site.key, number(i))
	if _, err := fmt.Fprintf(c, "POST /get-code HTTP/1.1\r\nHost: yanma\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		return false
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	var a answer
	return json.NewDecoder(response.Body).Decode(&a) == nil && a.Status == "ok"
}

func (w *world) checkBlackhole(t *testing.T, began time.Time, asked []time.Time) {
	byNumber := map[string][]*copied{}
	last := began // the last code that went by the primary
	for _, c := range w.ledger.copies {
		byNumber[c.number] = append(byNumber[c.number], c)
		if c.carrier == w.carriers[0].name && c.at.After(last) {
			last = c.at
		}
	}
	var took, before []time.Duration
	secondary, late, twice := 0, 0, 0
	limit := began.Add(blackAfter + submitLimit + failoverTime)
	for i, at := range asked {
		if at.IsZero() {
			t.Fatalf("request %d was refused", i)
		}
		copies := byNumber["86"+number(i)]
		if len(copies) == 0 || len(w.ledger.phone(number(i)).all()) == 0 {
			t.Errorf("the code asked for after %v is lost", at.Sub(began))
			continue
		}
		if len(copies) > 2 {
			t.Errorf("a code left %d times", len(copies))
		}
		if len(copies) > 1 {
			twice++
		}
		if copies[0].carrier == w.carriers[1].name {
			secondary++
		}
		arrived := copies[0].at.Sub(at)
		if at.Sub(began) < blackAfter-time.Second {
			before = append(before, arrived)
		} else {
			took = append(took, arrived)
		}
		if at.After(limit) && (copies[0].carrier != w.carriers[1].name || arrived > time.Second) {
			late++
		}
	}
	if since := last.Sub(began); since > blackAfter+time.Second {
		t.Errorf("a code went by the silent carrier after %v", since)
	}
	if late > 0 {
		t.Errorf("%d codes did not go by the second carrier %v after the first time-out", late, failoverTime)
	}
	slices.Sort(took)
	slices.Sort(before)
	p99, usual := took[len(took)*99/100], before[len(before)*99/100]
	if p99-usual > submitLimit {
		t.Errorf("p99 is %v, %v before", p99, usual)
	}
	t.Logf("%d codes, %d by the second carrier, %d left twice; p99 %v before, %v afterwards, longest %v", len(asked), secondary, twice, usual, p99, took[len(took)-1])
}

// defaultWindow is what most runs have: small, so that windows are full.
const defaultWindow = 2

func (p planted) windowOf() int {
	if p.window == 0 {
		return defaultWindow
	}
	return p.window
}
