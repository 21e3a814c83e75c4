package captcha

import (
	"context"
	"crypto/subtle"
	"strings"

	"yanma.dev/yanma/internal/captcha/altcha"
	"yanma.dev/yanma/internal/captcha/point"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// Lengths in bytes: of a token, and the most of what is redeemed.
const (
	tokenLength  = 32
	longestToken = 4096
)

// RedeemRequest is a captcha_token with what it was given for.
type RedeemRequest struct {
	CaptchaToken string // byte for byte as it came
	Sender       string // whom the code goes to, normalised
	Binding
}

// Redeem takes a pass, or what else counts as one in the app: its encrypted form
// where AES is on, a solved proof of work, the token of a verifier. Whatever it is
// serves once; a pass that is shown by another sender, client or device is gone,
// too. The error is KindChallengeFailed for everything that does not count, and
// KindOverloaded when a verifier does not answer, KindRateLimited when it was
// asked for the address too often.
func (s *Service) Redeem(ctx context.Context, app *tenant.App, r RedeemRequest) (Kind, error) {
	kind, err := s.redeem(ctx, app, &r)
	switch {
	case err == nil:
		s.tally.redeemed.Add(1)
	case core.KindOf(err) == core.KindChallengeFailed:
		s.tally.refused.Add(1)
	}
	return kind, err
}

func (s *Service) redeem(ctx context.Context, app *tenant.App, r *RedeemRequest) (Kind, error) {
	have := settings(app)
	if len(r.CaptchaToken) > longestToken {
		return KindNone, failed("too long")
	}
	token, _, isPass := strings.Cut(r.CaptchaToken, between)
	isPass = isPass && len(token) == tokenLength // tokens of others have hyphens, too
	if isPass && have.Takes(tenant.CaptchaPuzzle) {
		return KindPuzzle, s.takePass(ctx, app, r, tokenKey(token), token)
	}
	if have.Takes(tenant.CaptchaWork) {
		if p, ok := altcha.Decode(r.CaptchaToken); ok {
			return KindWork, s.takeWork(ctx, app, r, p)
		}
	}
	if have.Takes(tenant.CaptchaPuzzle) && have.CaptchaAES && point.IsSealed(r.CaptchaToken) {
		found, err := s.takeSealed(ctx, app, r)
		if found || err != nil {
			return KindPuzzle, err
		}
	}
	if have.Takes(tenant.CaptchaVerifier) {
		return KindVerifier, s.askVerifier(ctx, have.Verifier, r)
	}
	return KindNone, failed("no form of ours")
}

// takePass redeems token---answer.
func (s *Service) takePass(ctx context.Context, app *tenant.App, r *RedeemRequest, key store.PassKey, token string) error {
	made, ours := s.o.Keys.CaptchaMade(token, s.o.Now())
	if !ours || s.o.Now().Sub(made) >= TokenLife+PassLife {
		return failed("token")
	}
	c := &take{key: key, judge: func(row store.CaptchaPass) (shown, its bool) {
		return matches(s.exact(r.CaptchaToken), row.Pass[:16]), s.isOf(app, r, row)
	}}
	return c.run(ctx, s.o.Store)
}

// takeSealed redeems the encrypted form of token---answer: a row leads from it to
// the token's. False when there is none.
func (s *Service) takeSealed(ctx context.Context, app *tenant.App, r *RedeemRequest) (found bool, err error) {
	way := &look{key: sealedKey(r.CaptchaToken)}
	if err := s.o.Store.Do(ctx, way); err != nil || !way.found {
		return false, err
	}
	c := &take{key: way.row.Pass, judge: func(row store.CaptchaPass) (shown, its bool) {
		return true, s.isOf(app, r, row)
	}}
	return true, c.run(ctx, s.o.Store)
}

// isOf tells whether a pass is that of whoever redeems it.
func (s *Service) isOf(app *tenant.App, r *RedeemRequest, row store.CaptchaPass) bool {
	same := matches(s.whose(row.Key, owner(app, r.Binding, r.Sender, row.Parts)), row.Pass[16:])
	return same && s.bound(app, row.Parts, ofAll)
}

// matches tells whether half of one of the sums is what a row holds.
func matches(sums [][32]byte, half []byte) (found bool) {
	for _, sum := range sums {
		found = subtle.ConstantTimeCompare(sum[:len(half)], half) == 1 || found
	}
	return found
}

// take is the command that redeems a pass. What judge does not know for shown
// stays; what is shown is gone, whosever it is.
type take struct {
	key   store.PassKey
	judge func(store.CaptchaPass) (shown, its bool)
	ok    bool
}

func (c *take) run(ctx context.Context, to Store) error {
	if err := to.Do(ctx, c); err != nil {
		return err
	}
	if !c.ok {
		return failed("pass")
	}
	return nil
}

// Want implements store.Command.
func (c *take) Want(b *store.Batch) { b.Passes.Want(c.key) }

// Decide never refuses: a pass of another's is taken, too.
func (c *take) Decide(b *store.Batch) error {
	c.ok = false
	row, found := b.Passes.Get(c.key)
	if !found || row.Expires <= b.Now {
		return nil
	}
	shown, its := c.judge(row)
	if !shown {
		return nil
	}
	row.Expires, row.Pass = 0, [32]byte{}
	b.Passes.Put(row.Key, row)
	c.ok = its
	return nil
}

// look is the command that reads a row.
type look struct {
	key   store.PassKey
	row   store.CaptchaPass
	found bool
}

// Want implements store.Command.
func (c *look) Want(b *store.Batch) { b.Passes.Want(c.key) }

// Decide implements store.Command.
func (c *look) Decide(b *store.Batch) error {
	c.row, c.found = b.Passes.Get(c.key)
	return nil
}

// use is the command that notes what serves once and was never given a row.
type use struct {
	key   store.PassKey
	until store.Time
}

// Want implements store.Command.
func (c *use) Want(b *store.Batch) { b.Passes.Want(c.key) }

// Decide refuses what is noted already.
func (c *use) Decide(b *store.Batch) error {
	if _, used := b.Passes.Get(c.key); used {
		return failed("used")
	}
	b.Passes.Put(c.key, store.CaptchaPass{Key: c.key, Until: c.until})
	return nil
}
