package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/captcha"
	"yanma.dev/yanma/internal/captcha/altcha"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// TestReq26_TwoNodes: a puzzle of one node is checked by another, once; its pass is
// redeemed by either, once, also by a node that was started later.
func TestReq26_TwoNodes(t *testing.T) {
	w := startOneAccessOn(t, startWholeOn(t, server.URL(server.Database(t, ""))))
	second := w.secondNode(t)
	nodes := []*whole{w.whole, second}
	caller := captcha.Binding{Client: oneAccessClient, Fingerprint: oneAccessFingerprint}
	app, _ := w.directory.App(w.ids[0])
	const sender = "+8615200000000"
	// race has a hundred callers on both nodes, and counts who succeeds.
	race := func(try func(s *captcha.Service) error) (won int64) {
		var all sync.WaitGroup
		var good atomic.Int64
		start := make(chan struct{})
		for i := range 100 {
			all.Go(func() {
				<-start
				err := try(nodes[i%2].captcha)
				if err == nil {
					good.Add(1)
				} else if core.KindOf(err) != core.KindChallengeFailed {
					t.Error(err)
				}
			})
		}
		close(start)
		all.Wait()
		return good.Load()
	}
	proof := captcha.RedeemRequest{CaptchaToken: w.widget(t), Sender: sender, Binding: caller}
	if n := race(func(s *captcha.Service) error {
		_, err := s.Redeem(t.Context(), app, proof)
		return err
	}); n != 1 {
		t.Errorf("one proof of work was redeemed %d times", n)
	}
	var last captcha.RedeemRequest
	for range 2 {
		p, err := w.captcha.Get(t.Context(), app, caller)
		ok(t, err)
		x, _ := w.ring.AnswerOf(p.Token)
		answer := fmt.Sprintf(`{"x":%d,"y":5}`, x)
		if n := race(func(s *captcha.Service) error {
			_, err := s.Check(t.Context(), app, captcha.CheckRequest{Token: p.Token, PointJSON: answer, Sender: sender, Binding: caller})
			return err
		}); n != 1 {
			t.Errorf("one token was checked %d times", n)
		}
		last = captcha.RedeemRequest{CaptchaToken: p.Token + "---" + answer, Sender: sender, Binding: caller}
		if n := race(func(s *captcha.Service) error {
			_, err := s.Redeem(t.Context(), app, last)
			return err
		}); n != 1 {
			t.Errorf("one pass was redeemed %d times", n)
		}
	}
	third := second.secondNode(t)
	for _, node := range append(nodes, third) {
		if _, err := node.captcha.Redeem(t.Context(), app, last); core.KindOf(err) != core.KindChallengeFailed {
			t.Errorf("redeemed again: %v", err)
		}
		_, err := node.captcha.Check(t.Context(), app, captcha.CheckRequest{Token: last.CaptchaToken[:32], PointJSON: last.CaptchaToken[35:], Sender: sender, Binding: caller})
		if core.KindOf(err) != core.KindChallengeFailed {
			t.Errorf("checked again: %v", err)
		}
	}
	rows := w.rows(t, "captcha_pass")
	w.clock.Advance(6*time.Minute + time.Second)
	ok(t, w.database.Update(t.Context(), func(q store.SQL) error {
		_, err := records.PrunePasses(t.Context(), q, store.At(w.clock.Now()), 100)
		return err
	}))
	if left := w.rows(t, "captcha_pass"); rows != 3 || left != 0 {
		t.Errorf("%d rows, %d when their time was over", rows, left)
	}
}

// widget is the payload of a stock ALTCHA widget, which sends no headers.
func (w *oneAccessServer) widget(t *testing.T) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		w.PublicURL()+"/captcha/altcha/challenge?client_id="+oneAccessClient+"&fingerprint="+oneAccessFingerprint, nil)
	ok(t, err)
	answer, err := http.DefaultClient.Do(r)
	ok(t, err)
	defer answer.Body.Close()
	var c altcha.Challenge
	ok(t, json.NewDecoder(answer.Body).Decode(&c))
	p, solved := altcha.Solve(t.Context(), c)
	if !solved {
		t.Fatalf("%+v can not be solved", c)
	}
	return p.Encode()
}
