package oneaccess

import (
	"context"
	"net/mail"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/captcha"
	"yanma.dev/yanma/internal/captcha/point"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
)

// binding is what a puzzle and its pass belong to.
func (c *caller) binding(x *facade.Exchange) captcha.Binding {
	return captcha.Binding{Client: c.client, Fingerprint: c.fingerprint, IP: endUser(x, c.app)}
}

// admit counts a call of the captcha against the caller's address
// (contracts/oneaccess.md §2.1).
func (d *dialect) admit(kind captcha.Call) call {
	return func(ctx context.Context, x *facade.Exchange, c *caller) error {
		return d.Captcha.Admit(ctx, kind, endUser(x, c.app))
	}
}

// captcha gives a puzzle (contracts/oneaccess.md §2.1).
func (d *dialect) captcha(ctx context.Context, x *facade.Exchange, c *caller) error {
	if err := d.admit(captcha.CallGet)(ctx, x, c); err != nil {
		return err
	}
	nameChallenge(x, d.Captcha.Required(c.app, captcha.Risk{Risky: true}))
	puzzle, err := d.Captcha.Get(ctx, c.app, c.binding(x))
	if err != nil {
		return err
	}
	x.Out = appendPuzzle(x.Out, puzzle)
	return nil
}

// appendPuzzle writes all 15 members (contracts/oneaccess.md §2.1).
func appendPuzzle(out []byte, p captcha.Puzzle) []byte {
	out = append(out, `{"captchaId":null,"projectCode":null,"captchaOriginalPath":null,"captchaFontType":null,"captchaFontSize":null,"secretKey":`...)
	if p.SecretKey == "" {
		out = append(out, "null"...)
	} else {
		out = facade.AppendString(out, p.SecretKey)
	}
	out = append(out, `,"originalImageBase64":"`...)
	out = append(out, p.Original...)
	out = append(out, `","point":null,"jigsawImageBase64":"`...)
	out = append(out, p.Jigsaw...)
	out = append(out, `","wordList":null,"pointList":null,"pointJson":null,"token":"`...)
	out = append(out, p.Token...)
	return append(out, `","result":false,"captchaVerification":null}`...)
}

// captchaVerify checks an answer and gives the pass (contracts/oneaccess.md
// §2.2).
func (d *dialect) captchaVerify(ctx context.Context, x *facade.Exchange, c *caller) error {
	members, err := required(x, "point_json", "token", "sender")
	if err != nil {
		return err
	}
	answer, token, literal := members[0], members[1], members[2]
	if _, ok := point.Parse(answer); !ok && !(c.app.OneAccess.CaptchaAES && point.IsSealed(answer)) {
		return core.Field(core.KindBadField, "point_json")
	}
	sender, err := d.sender(ctx, x, c, literal)
	if err != nil {
		return err
	}
	pass, err := d.Captcha.Check(ctx, c.app, captcha.CheckRequest{Token: token, PointJSON: answer, Sender: sender, Binding: c.binding(x)})
	if err != nil {
		return err
	}
	x.Out = append(x.Out, `{"captcha_token":`...)
	x.Out = append(facade.AppendString(x.Out, pass), '}')
	return nil
}

// sender is whom a code will go to, in the form in which it is compared: E.164, a
// lower-case e-mail address, or a test number.
func (d *dialect) sender(ctx context.Context, x *facade.Exchange, c *caller, literal string) (string, error) {
	if address, ok := emailOf(literal); ok {
		return address, nil
	}
	to, err := d.number(ctx, x, c, literal, "sender")
	if err != nil {
		return "", err
	}
	return to.sender(), nil
}

// longestEmail is that of RFC 5321, in bytes.
const longestEmail = 254

// emailOf reads a bare e-mail address.
func emailOf(literal string) (string, bool) {
	if len(literal) > longestEmail || strings.IndexByte(literal, '@') < 0 {
		return "", false
	}
	address, err := mail.ParseAddress(literal)
	if err != nil || address.Address != literal {
		return "", false
	}
	return strings.ToLower(literal), true
}

// number is a receiver: a number, or one of the app's test numbers.
type number struct {
	phone   core.Phone
	literal string // of a test number; "" for a real one
	code    string // its fixed code
}

// isTest tells whether nothing is sent to it (contracts/README.md §8).
func (n number) isTest() bool { return n.literal != "" }

// sender is the number as passes know it.
func (n number) sender() string {
	if n.isTest() {
		return "test " + n.literal
	}
	return n.phone.E164()
}

// number reads what the caller wrote as member name. A test number is matched
// literally before anything else; a number that mobile-by-token masked is known
// by its state token (contracts/oneaccess.md §5).
func (d *dialect) number(ctx context.Context, x *facade.Exchange, c *caller, literal, name string) (number, error) {
	if code, ok := c.app.TestCode(literal); ok {
		return number{literal: literal, code: code}, nil
	}
	if strings.IndexByte(literal, '*') >= 0 && c.app.OneAccess.MaskMobile && header(x, headerState) != "" {
		step, err := d.step(ctx, x, c)
		if err != nil {
			return number{}, err
		}
		if step.number.masked() == literal {
			return step.number, nil
		}
	}
	phones := c.app.Phones
	phones.OneAccessForm = true
	phone, err := guard.ParsePhone(literal, phones)
	if err != nil {
		return number{}, core.Field(core.KindBadField, name)
	}
	x.Event.Phone = phone
	return number{phone: phone}, nil
}

// masked is the number as mobile-by-token shows it to an app that masks.
func (n number) masked() string {
	if n.isTest() {
		return core.MaskNumber(n.literal)
	}
	return n.phone.Masked()
}

// nameChallenge says which challenge the app asks for now.
func nameChallenge(x *facade.Exchange, kind captcha.Kind) {
	if kind != captcha.KindNone {
		x.SetHeader(headerChallenge, kind.String())
	}
}

// work gives a proof of work to do: the ALTCHA protocol's challenge, for people
// who can not see a puzzle, and where a puzzle is not enough. The stock widget
// sends no headers of ours, so client id and fingerprint may stand in the query:
// they are no secrets.
func (d *dialect) work(ctx context.Context, x *facade.Exchange) error {
	query := x.Request.URL.Query()
	for name, parameter := range map[string]string{headerClient: "client_id", headerFingerprint: "fingerprint"} {
		if header(x, name) == "" {
			x.Request.Header.Set(name, query.Get(parameter))
		}
	}
	app, err := d.client(ctx, x)
	if err != nil {
		return err
	}
	if err := d.allowOrigin(x, app); err != nil {
		return err
	}
	if len(header(x, headerFingerprint)) > longestFingerprint {
		return core.Field(core.KindBadField, headerFingerprint)
	}
	ip := endUser(x, app)
	if err := d.Captcha.Admit(ctx, captcha.CallChallenge, ip); err != nil {
		return err
	}
	challenge, err := d.Captcha.Challenge(ctx, app, captcha.Binding{Client: header(x, headerClient), Fingerprint: header(x, headerFingerprint), IP: ip})
	if err != nil {
		return err
	}
	x.Out = append(x.Out, `{"algorithm":`...)
	x.Out = facade.AppendString(x.Out, challenge.Algorithm)
	x.Out = append(x.Out, `,"challenge":`...)
	x.Out = facade.AppendString(x.Out, challenge.Challenge)
	x.Out = append(x.Out, `,"maxnumber":`...)
	x.Out = strconv.AppendInt(x.Out, challenge.MaxNumber, 10)
	x.Out = append(x.Out, `,"salt":`...)
	x.Out = facade.AppendString(x.Out, challenge.Salt)
	x.Out = append(x.Out, `,"signature":`...)
	x.Out = append(facade.AppendString(x.Out, challenge.Signature), '}')
	return nil
}
