package oneaccess

import (
	"context"
	"strconv"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/verify"
)

// What a login can end with (contracts/oneaccess.md §2.4).
const (
	statusSuccess = "SUCCESS"
	statusMFA     = "MFA_AUTH"
	statusDenied  = "ACCESS_DENIED"
)

// login logs in with a code (contracts/oneaccess.md §2.4).
func (d *dialect) login(ctx context.Context, x *facade.Exchange, c *caller) error {
	r, err := d.codeRequest(ctx, x, c)
	if err != nil {
		return err
	}
	in, err := d.Verify.SignIn(ctx, r)
	if err != nil {
		return err
	}
	return d.signedIn(ctx, x, c, in)
}

// codeRequest reads mobile and verify_code, which every call that checks a code
// begins with.
func (d *dialect) codeRequest(ctx context.Context, x *facade.Exchange, c *caller) (verify.SignInRequest, error) {
	members, err := required(x, "mobile", "verify_code")
	if err != nil {
		return verify.SignInRequest{}, err
	}
	of, err := d.number(ctx, x, c, members[0], "mobile")
	if err != nil {
		return verify.SignInRequest{}, err
	}
	code, err := codeOf(members[1], "verify_code")
	if err == nil && of.isTest() {
		err = d.countTestCode(ctx, c.app, endUser(x, c.app))
	}
	return verify.SignInRequest{App: c.app, Phone: of.phone, Literal: of.literal, Code: code, Fingerprint: c.fingerprint, EndUser: endUser(x, c.app)}, err
}

// signedIn writes how a login ended.
func (d *dialect) signedIn(ctx context.Context, x *facade.Exchange, c *caller, in verify.SignedIn) error {
	switch in.Status {
	case verify.SignInDenied:
		x.Out = append(x.Out, `{"status":"`+statusDenied+`","data":`...)
		x.Out = append(facade.AppendString(x.Out, denied(languageOf(x, c.app))), '}')
		return nil
	case verify.SignInMFA:
		token, err := d.States.Issue(c.client, in.Step)
		if err != nil {
			return err
		}
		x.Out = append(x.Out, `{"status":"`+statusMFA+`","state_token":"`...)
		x.Out = append(append(x.Out, token...), `"}`...)
		return nil
	case verify.SignInSuccess:
	}
	x.Out = append(x.Out, `{"status":"`+statusSuccess+`","session_token":"`...)
	x.Out = append(append(x.Out, in.Token.Reveal()...), '"')
	if c.app.OneAccess.IDToken {
		token, err := d.idToken(ctx, c.app, in.Person, in.AuthTime)
		if err != nil {
			return err
		}
		x.Out = append(x.Out, `,"id_token":"`...)
		x.Out = append(append(x.Out, token...), '"')
	}
	x.Out = append(x.Out, `,"expire":`...)
	x.Out = strconv.AppendInt(x.Out, int64(in.Life.Seconds()), 10)
	x.Out = append(x.Out, '}')
	return nil
}

// denied says why access is denied: an operator disabled the user.
func denied(l language) string {
	if l == english {
		return "The user is disabled."
	}
	return "用户已被禁用"
}

// step is a login that waits for its second code (contracts/oneaccess.md §5).
type step struct {
	account.Step
	number number
}

// step reads the state token. It is looked up at most once a request.
func (d *dialect) step(ctx context.Context, x *facade.Exchange, c *caller) (step, error) {
	token := header(x, headerState)
	if token == "" {
		return step{}, core.Field(core.KindMissingField, headerState)
	}
	if len(token) > longestToken {
		return step{}, errStateToken
	}
	id, err := d.States.Open(c.client, token)
	if err != nil {
		return step{}, err
	}
	s, err := d.Sessions.Step(ctx, c.app, id, c.fingerprint)
	if err != nil {
		return step{}, err
	}
	return step{Step: s, number: number{phone: s.Person.Phone, literal: s.Person.Literal}}, nil
}

// longestToken is more than any token of ours has, in bytes.
const longestToken = 2048

// ownStep holds a code of the second step to the user's own number.
func (d *dialect) ownStep(ctx context.Context, x *facade.Exchange, c *caller, to number) (step, error) {
	s, err := d.step(ctx, x, c)
	if err != nil {
		return step{}, err
	}
	if s.number.sender() != to.sender() {
		return step{}, errMobile
	}
	return s, nil
}

// mobileByToken tells whose second code is awaited (contracts/oneaccess.md §5).
func (d *dialect) mobileByToken(ctx context.Context, x *facade.Exchange, c *caller) error {
	s, err := d.step(ctx, x, c)
	if err != nil {
		return err
	}
	x.Event.Phone = s.number.phone
	mobile := s.number.literal
	if !s.number.isTest() {
		mobile = s.number.phone.National()
	}
	if c.app.OneAccess.MaskMobile {
		mobile = s.number.masked()
	}
	x.Out = append(x.Out, `{"mobile":`...)
	x.Out = append(facade.AppendString(x.Out, mobile), '}')
	return nil
}

// mfaSMS ends the second step (contracts/oneaccess.md §5).
func (d *dialect) mfaSMS(ctx context.Context, x *facade.Exchange, c *caller) error {
	r, err := d.codeRequest(ctx, x, c)
	if err != nil {
		return err
	}
	s, err := d.ownStep(ctx, x, c, number{phone: r.Phone, literal: r.Literal})
	if err != nil {
		return err
	}
	in, err := d.Verify.SecondStep(ctx, r, s.Step)
	if err != nil {
		return err
	}
	if in.Status == verify.SignInDenied {
		x.Out = append(x.Out, `{"status":"`+statusDenied+`"}`...)
		return nil
	}
	return d.signedIn(ctx, x, c, in)
}
