package app

import (
	"context"
	"fmt"
	"testing"

	"yanma.dev/yanma/internal/guard/fraud"
)

// prefixLevel is how a server sees the numbers +86 177 66.
func (w *whole) prefixLevel() (l fraud.Level) {
	for _, l := range w.fraud.Levels(w.clock.Now(), 1000) {
		if l.Subject.Kind == fraud.Prefix && l.Subject.Value == 8617766 {
			return l
		}
	}
	return fraud.Level{}
}

// Requirement row 23 on two servers of one PostgreSQL: what one counts the other
// knows within seconds, and both after a restart.
func TestReq23_TwoServersSeeOnePumping(t *testing.T) {
	w := startWholeOn(t, server.URL(server.Database(t, "")))
	second := w.prepareNode(t)
	second.open(t)
	for i := range 20 {
		w.mustCall(t, "/get-code", w.sendBody(fmt.Sprintf("17766%06d", i*7919)))
	}
	if here := w.prefixLevel(); here.Sent != 16 || here.Refused != 4 || here.Outcome != fraud.Challenge {
		t.Errorf("the server that was asked: %+v", here)
	}
	same := func(l fraud.Level) bool { return l.Sent == 16 && l.Refused == 4 && l.Outcome == fraud.Challenge }
	second.await(t, "what the other server counted", func() bool { return same(second.prefixLevel()) })
	ok(t, second.Stop(context.Background()))
	ok(t, w.Stop(context.Background()))
	second.open(t)
	if after := second.prefixLevel(); !same(after) {
		t.Errorf("after a restart: %+v", after)
	}
	ok(t, second.Stop(context.Background()))
}
