package numberverify

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/breaker"
	"yanma.dev/yanma/internal/core"
)

// turn is one question's way over the gateways that can answer it.
type turn struct {
	*route
	rest   []*route
	permit *breaker.Permit
	opened func(*route)
	now    func() time.Time
}

// candidates are the gateways that can answer a question, in their order.
// ErrNoCarrier when nobody serves the carrier; ClassUnprovided when somebody
// does, but not for the app; KindForbidden when those who do can not answer
// this kind of question.
func (s *Service) candidates(q *question, c Carrier) ([]*route, error) {
	var able []*route
	known, allowed := false, false
	for _, r := range s.routes {
		can := r.Gateway.Can(c)
		if can == (Can{}) {
			continue
		}
		known = true
		if !r.serves(q.app.ID) {
			continue
		}
		allowed = true
		if q.suits(can) {
			able = append(able, r)
		}
	}
	switch {
	case len(able) > 0:
		return able, nil
	case allowed:
		return nil, core.E(core.KindForbidden, "the carrier's gateways can not answer this kind of question")
	case known:
		return nil, &Error{Class: ClassUnprovided, Code: CodeNoCarrier, Desc: "no carrier configured for this app"}
	default:
		return nil, ErrNoCarrier()
	}
}

// suits tells whether a gateway can answer the question: one that tells numbers
// can compare them here.
func (q *question) suits(can Can) bool {
	switch {
	case can.Fetch:
		return true
	case q.kind == kindFetch:
		return false
	case q.ask.Phone.IsZero():
		return can.Hash
	default:
		return can.Match
	}
}

// choose finds the first gateway that does not rest. When all do, nothing is
// burnt or charged; what the caller would have been refused for comes first
// (contracts/submail.md §3.3 steps 20 and 21).
func (s *Service) choose(ctx context.Context, q *question) (*turn, error) {
	if !q.proof.Number.IsZero() {
		return &turn{now: s.o.Now}, nil
	}
	able, err := s.candidates(q, q.carrier)
	if err != nil {
		return nil, err
	}
	t := &turn{rest: able, now: s.o.Now, opened: func(r *route) {
		s.o.Log.Error("numberverify: a gateway fails and rests", "gateway", r.Gateway.Name(), "for", s.o.Breaker.Rest.String())
	}}
	if t.next() {
		return t, nil
	}
	if err := s.peek(ctx, q); err != nil {
		return nil, err
	}
	return nil, ErrOpen()
}

// next goes on to the next gateway that does not rest.
func (t *turn) next() bool {
	for len(t.rest) > 0 {
		r := t.rest[0]
		t.rest = t.rest[1:]
		if permit, ok := r.breaker.Allow(); ok {
			t.route, t.permit = r, permit
			return true
		}
	}
	return false
}

// cancel says that nobody was asked.
func (t *turn) cancel() {
	if t.permit != nil {
		t.permit.Cancel()
	}
}

// name is who was asked last; "" where the network itself told the number.
func (t *turn) name() string {
	if t.route == nil {
		return ""
	}
	return t.Gateway.Name()
}

// call asks one gateway, in the way that it is able to answer.
func (t *turn) call(ctx context.Context, q *question) (answer Answer, err error) {
	began := t.now()
	defer func() {
		failed := false
		if err == nil {
			t.tally.answered.Add(1)
		} else {
			class := classified(ctx, err).Class
			t.tally.failed[class].Add(1)
			failed = class == ClassCarrier || class == ClassTimeout
		}
		if t.permit.Done(failed) {
			t.tally.opened.Add(1)
			t.opened(t.route)
		}
		answer.Latency = t.now().Sub(began)
	}()
	can := t.Gateway.Can(q.carrier)
	ask := q.ask
	ask.Carrier = q.carrier
	if q.kind == kindVerify && (can.Match && !ask.Phone.IsZero() || can.Hash && ask.Phone.IsZero()) {
		return t.matched(t.Gateway.Match(ctx, ask))
	}
	answer, err = t.Gateway.Fetch(ctx, ask)
	if err == nil && (answer.Outcome != OutcomeNumber || answer.Phone.IsZero()) {
		err = ErrUnreadable()
	}
	if err == nil && q.kind == kindVerify {
		answer.Outcome = q.compare(answer.Phone)
	}
	return answer, err
}

func (t *turn) matched(answer Answer, err error) (Answer, error) {
	if err == nil && answer.Outcome != OutcomeMatch && answer.Outcome != OutcomeMismatch {
		err = ErrUnreadable()
	}
	return answer, err
}

// told answers out of what the network said already.
func (t *turn) told(q *question) (Answer, error) {
	if q.kind == kindFetch {
		return Answer{Outcome: OutcomeNumber, Phone: q.proof.Number}, nil
	}
	return Answer{Outcome: q.compare(q.proof.Number)}, nil
}
