package verify

import (
	"net/http"

	"yanma.dev/yanma/internal/store"
)

// What a call with an Idempotency-Key does is one commit with its answer: after
// a crash a repetition finds both or neither (requirement row 32). The methods
// here are apart from the ways of calls without a key, which pay nothing for
// them.

// startOnce is the command that sends a code.
func (s *Service) startOnce(r StartRequest, c *startVerification) store.Command {
	if r.Call == nil {
		return c
	}
	answer := r.Answer
	if r.AnswerOf != nil {
		answer = r.AnswerOf(c.row.ID)
	}
	return r.Call.Around(c, http.StatusOK, func() []byte { return answer })
}

// checkOnce is the command that checks a code. A claim is not an answer yet, and
// a wrong try is answered by the dialect.
func (s *Service) checkOnce(r LoginRequest, c *checkCode) store.Command {
	if r.Call == nil {
		return c
	}
	c.claimAs = r.Call.Ref()
	app, answer := r.App, r.Answer
	return r.Call.Around(c, http.StatusOK, func() []byte {
		if c.verdict != verified {
			return nil
		}
		return answer(s.loggedIn(app, c.login).UserText)
	})
}

// commitOnce is the command that ends a claim.
func (s *Service) commitOnce(r LoginRequest, c *commitClaim) store.Command {
	if r.Call == nil {
		return c
	}
	app, answer := r.App, r.Answer
	return r.Call.Around(c, http.StatusOK, func() []byte { return answer(s.loggedIn(app, c.login).UserText) })
}
