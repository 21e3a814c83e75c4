package main

import (
	"context"
	"encoding/binary"
	"net/netip"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/guard/fraud"
	"yanma.dev/yanma/internal/guard/memory"
)

// codeLife is how long a code can be entered.
const codeLife = 5 * 60 * 1000

// answer is what a caller gets.
type answer uint8

const (
	done       answer = iota
	challenged        // solve something and come again
	blocked           // by the guard
	limited           // by a frequency limit
	wrong
)

// number is somebody's number: its prefix's country and leading digits, and 64
// bits that stand for all of it.
type number struct {
	country string
	prefix  uint64
	bits    uint64
}

// server is what stands between callers and carriers: limits, guard, codes.
type server struct {
	epoch   time.Time
	engine  *fraud.Engine
	limiter *memory.Limiter
	rules   guard.Rules
	codes   map[uint64]int64 // number ─▶ when its live code was sent
	wrong   map[uint64]int   // wrong tries against it
	why     map[string]int   // what asked for the last challenges and refusals of people
	people  bool             // who is asking
	plain   bool             // the dialect has no challenge: what would be challenged is refused
}

func newServer(epoch time.Time, policy fraud.Policy, plain bool) *server {
	s := &server{epoch: epoch, engine: fraud.New(fraud.Options{Policy: policy}), rules: guard.DefaultRules(),
		codes: map[uint64]int64{}, wrong: map[uint64]int{}, why: map[string]int{}, plain: plain}
	if plain {
		s.rules = s.rules.Unchallenged()
	}
	s.limiter = memory.New(func() time.Time { return epoch })
	return s
}

// LimitMix implements guard.Subjects.
func (s *server) LimitMix(base uint64, kind uint8, scope uint32) uint64 {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], base)
	b[8] = kind
	binary.BigEndian.PutUint32(b[9:], scope)
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

func (s *server) time(now int64) time.Time { return s.epoch.Add(time.Duration(now) * time.Millisecond) }

func (s *server) subject(app core.AppID, n number, ip netip.Addr, solved bool) fraud.Subject {
	return fraud.Subject{Tenant: 1, App: app, Country: n.country, Prefix: n.prefix, IP: ip, Number: n.bits,
		Channel: core.ChannelSMS, Purpose: core.PurposeLogin, Challenged: solved}
}

// send asks for a code. byGuard tells whose challenge or refusal it is.
func (s *server) send(now int64, app core.AppID, n number, ip netip.Addr, solved bool) (a answer, byGuard bool) {
	at, subject := s.time(now), s.subject(app, n, ip, solved)
	var room [8]guard.Bucket
	taken, err := s.limiter.Take(context.Background(), at, s.rules.SendBuckets(room[:0], guard.SendSubject{Keys: s, Phone: n.bits, App: app, Tenant: 1, IP: ip}))
	if err != nil {
		return limited, false
	}
	if taken.Challenge && len(taken.Alerts) == 0 && !solved {
		s.limiter.GiveBack(context.Background(), taken)
		return challenged, false
	}
	d := s.engine.Admit(at, subject)
	if d.Outcome != fraud.Allow {
		s.limiter.GiveBack(context.Background(), taken)
		s.note("send", &d)
		if d.Outcome == fraud.Block || s.plain {
			return blocked, true
		}
		return challenged, true
	}
	s.codes[n.bits] = now
	delete(s.wrong, n.bits)
	return done, false
}

// check answers a code; right tells whether the guess is.
func (s *server) check(now int64, app core.AppID, n number, ip netip.Addr, right bool) answer {
	at, subject := s.time(now), s.subject(app, n, ip, true) // no dialect asks for a challenge beside a code
	if d := s.engine.JudgeCheck(at, subject); d.Outcome != fraud.Allow {
		s.note("check", &d)
		return blocked
	}
	sent, live := s.codes[n.bits]
	if live && now-sent < codeLife && right && s.wrong[n.bits] < 5 {
		delete(s.codes, n.bits)
		s.engine.Verified(at, subject)
		return done
	}
	if live {
		s.wrong[n.bits]++
	}
	s.engine.Failed(at, subject)
	return wrong
}

// note counts why people were stopped.
func (s *server) note(what string, d *fraud.Decision) {
	if s.people {
		r := d.Reasons()[0]
		s.why[what+" "+d.Outcome.String()+": "+r.Rule.String()+" of "+r.Subject.Kind.String()]++
	}
}
