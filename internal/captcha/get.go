package captcha

import (
	"context"
	"net/netip"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/tenant"
)

// Call is what Admit counts.
type Call uint8

// The calls.
const (
	CallGet       Call = 1 // of a puzzle
	CallCheck     Call = 2 // of an answer
	CallChallenge Call = 3 // of proof of work
)

// Admit counts a call of an address before anything of it is read. The error is
// KindRateLimited; its Detail is captcha_get, captcha_check, captcha_work, or
// captcha_blocked: too many answers from there were wrong.
func (s *Service) Admit(ctx context.Context, call Call, ip netip.Addr) error {
	var buckets []guard.Bucket
	switch rules := s.o.Rules; call {
	case CallGet:
		if err := s.blocked(ctx, ip); err != nil {
			return err
		}
		buckets = rules.CaptchaGet.ForIP(nil, s.o.Subjects, ip, 0)
	case CallCheck:
		buckets = rules.CaptchaCheck.ForIP(nil, s.o.Subjects, ip, 0)
	default:
		buckets = rules.CaptchaWork.ForIP(nil, s.o.Subjects, ip, 0)
	}
	_, err := s.o.Limiter.Take(ctx, s.o.Now(), buckets)
	return err
}

// Puzzle is a puzzle as it is sent.
type Puzzle struct {
	Token     string // 32 lower hexadecimal digits
	SecretKey string // 16 characters where the app has AES on, else ""
	Original  string // Base64 of a PNG, 310×155
	Jigsaw    string // Base64 of a PNG, 47×155
}

// Get gives a puzzle to whoever b is. It writes nothing: the token carries the
// answer, sealed. KindOverloaded when pictures can not be drawn fast enough.
func (s *Service) Get(ctx context.Context, app *tenant.App, b Binding) (Puzzle, error) {
	picture, err := s.o.Pictures.Take(ctx)
	if err != nil {
		return Puzzle{}, err
	}
	token, answer, err := s.o.Keys.SealAnswer(s.puzzleOwner(app, b), uint16(picture.X), s.o.Now())
	if err != nil {
		return Puzzle{}, core.Wrap(core.KindInternal, err, "captcha: no randomness")
	}
	p := Puzzle{Token: token, Original: picture.Background, Jigsaw: picture.Piece}
	if settings(app).CaptchaAES {
		p.SecretKey = answer.Secret()
	}
	s.tally.given.Add(1)
	return p, nil
}

func (s *Service) puzzleOwner(app *tenant.App, b Binding) string {
	return "puzzle " + owner(app, b, "", parts(b, ""))
}
