package captcha

import (
	"context"
	"crypto/sha256"

	"yanma.dev/yanma/internal/captcha/point"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// between stands between token and answer in a captcha_token.
const between = "---"

// CheckRequest is an answer to a puzzle.
type CheckRequest struct {
	Token     string
	PointJSON string // as it came: plain, or encrypted where the app has AES on
	Sender    string // whom the code will go to, normalised; "" when none came
	Binding
}

// Check judges an answer, once a token, and gives the captcha_token of the pass:
// token, ---, and the answer byte for byte in the clear. Errors:
// KindBadField{point_json}; KindChallengeFailed, with Field token for one that is
// unknown, expired, used or another's, without for an answer that is wrong; those
// of the store.
func (s *Service) Check(ctx context.Context, app *tenant.App, r CheckRequest) (string, error) {
	answer, genuine := s.o.Keys.OpenAnswer(s.puzzleOwner(app, r.Binding), r.Token, s.o.Now())
	text, where, err := s.read(app, r.PointJSON, answer, genuine)
	if err != nil {
		return "", err
	}
	pass, err := s.judge(ctx, app, &r, answer, genuine, text, where)
	if core.KindOf(err) == core.KindChallengeFailed {
		s.tally.wrong.Add(1)
		s.countFailure(ctx, r.IP)
	}
	return pass, err
}

// read finds out what point_json says. One that is encrypted needs the key of a
// genuine token: without one it is taken for well-formed, and fails for the token.
func (s *Service) read(app *tenant.App, text string, answer keyring.CaptchaAnswer, genuine bool) (string, point.Point, error) {
	if where, ok := point.Parse(text); ok {
		return text, where, nil
	}
	if settings(app).CaptchaAES && point.IsSealed(text) {
		if !genuine {
			return "", point.Point{}, nil
		}
		if plain, ok := point.Decrypt(answer.Secret(), text); ok {
			if where, ok := point.Parse(plain); ok {
				return plain, where, nil
			}
		}
	}
	return "", point.Point{}, core.Field(core.KindBadField, "point_json")
}

func (s *Service) judge(ctx context.Context, app *tenant.App, r *CheckRequest, answer keyring.CaptchaAnswer, genuine bool, text string, where point.Point) (string, error) {
	if !genuine {
		return "", failed("token")
	}
	// From the future by more than nodes' clocks differ: the clock was set back.
	if age := s.o.Now().Sub(answer.Made); age >= TokenLife || age < -remembered {
		return "", failed("token expired")
	}
	captchaToken := r.Token + between + text
	right := where.Fits(int(answer.X))
	c := &check{row: store.CaptchaPass{Key: tokenKey(r.Token)}}
	if right {
		c.row.Parts = parts(r.Binding, r.Sender)
		c.row.Pass = join(s.exact(captchaToken)[0], s.whose(c.row.Key, owner(app, r.Binding, r.Sender, c.row.Parts))[0])
		if settings(app).CaptchaAES {
			c.sealed = sealedKey(point.Encrypt(answer.Secret(), captchaToken))
		}
	}
	if err := s.o.Store.Do(ctx, c); err != nil {
		return "", err
	}
	s.ratios.add(idOf(app), s.o.Now(), right)
	if !right {
		return "", errWrongAnswer
	}
	return captchaToken, nil
}

// Keys of rows. What is hashed has 128 random bits, or is encrypted under as many.
func tokenKey(token string) store.PassKey   { return sha256.Sum256([]byte("token " + token)) }
func sealedKey(sealed string) store.PassKey { return sha256.Sum256([]byte("sealed " + sealed)) }

// A pass's row holds two keyed hashes, newest token key first: of the captcha_token
// byte for byte, and of whose it is, which is keyed because a number is in it.
func (s *Service) exact(captchaToken string) [][32]byte {
	return s.o.Keys.CaptchaProof("pass " + captchaToken)
}

func (s *Service) whose(key store.PassKey, owner string) [][32]byte {
	return s.o.Keys.CaptchaProof("whose " + string(key[:]) + owner)
}

// join is half of each.
func join(exact, whose [32]byte) (pass [32]byte) {
	copy(pass[:16], exact[:])
	copy(pass[16:], whose[:])
	return pass
}

// check is the command that uses a token up, and notes its pass.
type check struct {
	row    store.CaptchaPass
	sealed store.PassKey // of the pass's encrypted form; zero: it has none
}

// Want implements store.Command.
func (c *check) Want(b *store.Batch) {
	b.Passes.Want(c.row.Key)
	if c.sealed != (store.PassKey{}) {
		b.Passes.Want(c.sealed)
	}
}

// Decide refuses a token that was checked before.
func (c *check) Decide(b *store.Batch) error {
	if _, used := b.Passes.Get(c.row.Key); used {
		return failed("token used")
	}
	row := c.row
	row.Until = b.Now.Add(PassLife + remembered)
	if row.Pass != [32]byte{} {
		row.Expires = b.Now.Add(PassLife)
	}
	b.Passes.Put(row.Key, row)
	if c.sealed != (store.PassKey{}) {
		b.Passes.Put(c.sealed, store.CaptchaPass{Key: c.sealed, Pass: row.Key, Expires: row.Expires, Until: row.Until})
	}
	return nil
}
