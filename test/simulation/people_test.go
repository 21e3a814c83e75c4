package simulation

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// person is somebody with a phone who logs in, in one of several ways.
type person struct {
	world *world
	index int
	phone *phone
	calls int
	mu    sync.Mutex // guards calls and phone's pages: some do two things at once
}

func newPerson(w *world, i int) *person {
	return &person{world: w, index: i, phone: w.ledger.phone(number(i))}
}

func (p *person) name() string { return fmt.Sprint("person", p.index) }

type habit struct {
	name string
	do   func(p *person)
}

// habits are the ways of people. Each is one visit.
var habits = []habit{
	{"reads and types", func(p *person) { p.check(p.fetch()) }},
	{"reads and types", func(p *person) { p.check(p.fetch()) }},
	{"mistypes first", func(p *person) {
		code := p.fetch()
		p.check(wrong(code, 1))
		p.pause(2 * time.Second)
		p.check(code)
	}},
	{"types twice", func(p *person) {
		code := p.fetch()
		p.check(code)
		p.pause(time.Second)
		p.check(code)
	}},
	{"types in three windows", func(p *person) {
		code := p.fetch()
		var windows sync.WaitGroup
		for i := range int64(3) {
			windows.Go(func() {
				time.Sleep(p.world.fate.between(0, 4*time.Millisecond, p.name()+" window", i, time.Now().UnixNano()))
				p.check(code)
			})
		}
		windows.Wait()
	}},
	{"guesses", func(p *person) {
		code := p.fetch()
		for i := range 7 {
			p.check(wrong(code, i+1))
			p.pause(300 * time.Millisecond)
		}
		p.check(code)
	}},
	{"asks with a key", func(p *person) {
		for range 2 {
			before := len(p.phone.all())
			if p.askWithKey() == yes {
				p.check(p.read(before, codeLife-2*time.Second))
			}
			time.Sleep(resendAfter)
		}
	}},
	{"walks away", func(p *person) { p.fetch() }},
	{"asks twice", func(p *person) {
		first := p.fetch()
		p.pause(time.Second)
		time.Sleep(resendAfter)
		second := p.fetch()
		p.check(first)
		p.check(second)
	}},
	{"is impatient", func(p *person) {
		p.ask()
		p.ask()
		p.check(p.fetch())
	}},
	{"types too late", func(p *person) {
		code := p.fetch()
		time.Sleep(codeLife)
		p.check(code)
	}},
	{"brings a device", func(p *person) {
		if uid := p.check(p.fetch()); uid != "" {
			p.device(uid)
			p.device(uid)
		}
	}},
	{"brings a device", func(p *person) {
		if uid := p.check(p.fetch()); uid != "" {
			p.device(uid)
		}
	}},
}

// live is a person's part of the run.
func (p *person) live() {
	f := p.world.fate
	time.Sleep(f.between(0, 9*time.Second, p.name()+" comes"))
	for visit := range int64(1 + f.below(2, p.name()+" visits")) {
		chosen := p.habit(visit)
		p.world.trace.add(p.name(), "%s", chosen.name)
		chosen.do(p)
		time.Sleep(f.between(resendAfter, resendAfter+4*time.Second, p.name()+" comes again", visit))
	}
}

// habit is the way of one visit. The first person goes where the run's
// failpoint is.
func (p *person) habit(visit int64) habit {
	if p.index == 1 {
		for _, h := range habits {
			if h.name == p.world.target.needs() {
				return h
			}
		}
	}
	return habits[p.world.fate.below(len(habits), p.name()+" habit", visit)]
}

func (p *person) pause(upTo time.Duration) {
	time.Sleep(p.world.fate.between(time.Millisecond, upTo, p.name()+" pauses", time.Now().UnixNano()))
}

// wrong is another code.
func wrong(code string, i int) string {
	if code == "" {
		return ""
	}
	last := (int(code[5]-'0') + i) % 10
	return code[:5] + fmt.Sprint(last)
}

// fetch asks for a code, again if that fails, and reads it; "" when none came.
func (p *person) fetch() string {
	for range 4 {
		before := len(p.phone.all())
		if r := p.ask(); r == yes {
			if code := p.read(before, codeLife-2*time.Second); code != "" {
				p.pause(3 * time.Second)
				return code
			}
		}
		p.pause(2 * time.Second)
	}
	return ""
}

// read waits for a new message.
func (p *person) read(before int, patience time.Duration) string {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		if codes := p.phone.all(); len(codes) > before {
			return codes[len(codes)-1]
		}
		select {
		case <-p.phone.news:
		case <-timer.C:
			return ""
		}
	}
}

type answer struct {
	Status, Code string
	UID          string `json:"yb_uid"`
	Device       string `json:"device_id"`
}

// result reads an answer. "-1" says that something went wrong: nobody knows.
func (a answer) result() result {
	switch {
	case a.Status == "ok":
		return yes
	case a.Code == "-1" || a.Code == "":
		return unknown
	default:
		return no
	}
}

// ask is get-code.
func (p *person) ask() result {
	s := sending{sent: time.Now()}
	var a answer
	a, s.result = p.post("/get-code", "", map[string]string{"phone_no": number(p.index)})
	s.answered, s.code = time.Now(), a.Code
	return p.asked(s)
}

// askWithKey is get-code with an Idempotency-Key, sent again while nobody knows
// what became of it: all of it together is one request.
func (p *person) askWithKey() result {
	s := sending{sent: time.Now(), result: never}
	key := fmt.Sprintf("%s-%d", p.name(), s.sent.UnixNano())
	for range 5 {
		a, r := p.post("/get-code", key, map[string]string{"phone_no": number(p.index)})
		s.answered, s.code = time.Now(), a.Code
		if r == yes || r == no && s.result == never {
			s.result = r
			break
		}
		if r != never {
			s.result = unknown
		}
		p.pause(2 * time.Second)
	}
	return p.asked(s)
}

// asked notes how a get-code ended.
func (p *person) asked(s sending) result {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.result == no && s.code != "0074" {
		p.world.ledger.odd("%s: get-code is answered %s", p.name(), s.code)
	}
	if s.result == yes && !p.world.jumped.Load() {
		for _, old := range p.phone.sendings {
			if old.result == yes && s.answered.Sub(old.sent) < resendAfter {
				p.world.ledger.odd("%s: two codes within %v", p.name(), s.answered.Sub(old.sent))
			}
		}
	}
	p.phone.sendings = append(p.phone.sendings, s)
	return s.result
}

// check is check-code; the uid when it was right.
func (p *person) check(code string) string {
	if code == "" {
		return ""
	}
	t := try{code: code, sent: time.Now()}
	var a answer
	a, t.result = p.post("/check-code", "", map[string]string{"phone_no": number(p.index), "user_input_code": code})
	t.answered, t.uid = time.Now(), a.UID
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.result == no && !slices.Contains([]string{"0077", "0078", "0079"}, a.Code) {
		p.world.ledger.odd("%s: check-code is answered %s", p.name(), a.Code)
	}
	if t.result == no && a.Code != "0077" {
		t.result = never // the back end failed: nothing was used up or counted
	}
	p.phone.tries = append(p.phone.tries, t)
	if t.result == yes {
		p.phone.uids[a.UID] = true
	}
	return t.uid
}

// device makes a device.
func (p *person) device(uid string) {
	a, r := p.post("/u/"+uid+"/devices", "", nil)
	if r == yes {
		p.mu.Lock()
		p.phone.devices = append(p.phone.devices, a.Device)
		p.mu.Unlock()
	}
	if r == no && !slices.Contains([]string{"0078", "0079"}, a.Code) {
		p.world.ledger.odd("%s: a device is answered %s", p.name(), a.Code)
	}
}

// post sends one request on a connection of its own, which may break before the
// request is whole, or before the answer.
func (p *person) post(path, key string, fields map[string]string) (answer, result) {
	p.mu.Lock()
	p.calls++
	call := int64(p.calls)
	p.mu.Unlock()
	a, r := p.exchange(path, key, fields, call)
	p.world.trace.add(p.name(), "%d %.10s %s %s", call, path, r, a.Code)
	return a, r
}

func (p *person) exchange(path, key string, fields map[string]string, call int64) (answer, result) {
	w := p.world
	body := map[string]string{"key": w.site.key}
	for k, v := range fields {
		body[k] = v
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	name := fmt.Sprint("http ", p.name(), " ", call)
	c, err := w.net.dial(ctx, "people", name, fmt.Sprintf("10.1.0.%d:%d", p.index, 1000+call), publicAddr)
	if err != nil {
		return answer{}, never
	}
	defer c.Close()
	header := ""
	if key != "" {
		header = "Idempotency-Key: " + key + "\r\n"
	}
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: yanma\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s", path, header, len(encoded), encoded)
	luck := 1000
	if w.stormy() {
		luck = w.fate.below(1000, name+" luck")
	}
	if luck < 30 {
		w.hits.count("http lost before", well)
		_, _ = c.Write(request[:w.fate.below(len(request), name+" cut")])
		c.breakAfter()
		return answer{}, never
	}
	if _, err := c.Write(request); err != nil {
		return answer{}, unknown
	}
	if luck < 90 {
		w.hits.count("http lost after", well)
		time.Sleep(w.fate.between(0, 12*time.Millisecond, name+" lost"))
		c.reset()
		return answer{}, unknown
	}
	_ = c.SetReadDeadline(time.Now().Add(90 * time.Second))
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return answer{}, unknown
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	var a answer
	if err != nil || json.Unmarshal(text, &a) != nil {
		return answer{}, unknown
	}
	return a, a.result()
}
