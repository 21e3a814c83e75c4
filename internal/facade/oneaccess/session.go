package oneaccess

import (
	"context"
	"strings"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

// session is whose X-signature a call has (contracts/oneaccess.md §4). What can
// not be read is counted per address: every try costs a decryption.
func (d *dialect) session(ctx context.Context, x *facade.Exchange, c *caller) (account.Session, error) {
	text := header(x, headerSignature)
	if text == "" {
		return account.Session{}, core.Field(core.KindMissingField, headerSignature)
	}
	s, err := d.Keys.OpenSignature(ctx, c.app.OneAccess.Keys, text)
	if core.AsError(err).Field == headerSignature && err != nil {
		if limited := d.take(ctx, d.failedAuth(x)); limited != nil {
			return account.Session{}, limited
		}
	}
	if err != nil {
		return account.Session{}, err
	}
	session, err := d.Sessions.Find(ctx, c.app, s.Token, c.fingerprint)
	if err != nil {
		return account.Session{}, err
	}
	if err := d.countSessionCall(ctx, session); err != nil {
		return account.Session{}, err
	}
	return session, d.Sessions.Nonce(ctx, session, s.Nonce)
}

// publicKey is the key that X-signature is made with (contracts/oneaccess.md §3).
func (d *dialect) publicKey(ctx context.Context, x *facade.Exchange, c *caller) error {
	pem, err := d.Keys.PublicPEM(ctx, c.app.OneAccess.Keys)
	if err != nil {
		return err
	}
	x.Out = append(x.Out, `{"public_key":`...)
	x.Out = append(facade.AppendString(x.Out, strings.TrimSuffix(pem, "\n")), '}')
	return nil
}

// refreshIDToken gives a fresh id token (contracts/oneaccess.md §4).
func (d *dialect) refreshIDToken(ctx context.Context, x *facade.Exchange, c *caller) error {
	session, err := d.session(ctx, x, c)
	if err != nil {
		return err
	}
	person, err := d.Sessions.Person(ctx, c.app, session.User)
	if err != nil {
		return err
	}
	token, err := d.idToken(ctx, c.app, person, session.AuthTime)
	if err != nil {
		return err
	}
	x.Out = append(x.Out, `{"id_token":"`...)
	x.Out = append(append(x.Out, token...), `"}`...)
	return nil
}

// idToken tells an app who is logged in (contracts/oneaccess.md §9).
func (d *dialect) idToken(ctx context.Context, app *tenant.App, p account.Person, authTime time.Time) (string, error) {
	return d.Keys.IDToken(ctx, app, d.IssuerOf(app), oauth.Subject{ID: p.ID, UserName: p.UserName(), Name: p.Name(), Phone: p.Phone, Mobile: p.Mobile(),
		Email: p.Profile.Email}, authTime)
}

// logout ends the session (contracts/oneaccess.md §4).
func (d *dialect) logout(ctx context.Context, x *facade.Exchange, c *caller) error {
	session, err := d.session(ctx, x, c)
	if err != nil {
		return err
	}
	return d.Sessions.End(ctx, session)
}

// profile tells who is logged in (contracts/oneaccess.md §4).
func (d *dialect) profile(ctx context.Context, x *facade.Exchange, c *caller) error {
	session, err := d.session(ctx, x, c)
	if err != nil {
		return err
	}
	p, err := d.Sessions.Person(ctx, c.app, session.User)
	if err != nil {
		return err
	}
	x.Event.Phone = p.Phone
	for i, m := range []struct{ name, value string }{
		{"user_name", p.UserName()}, {"name", p.Name()}, {"mobile", p.Mobile()}, {"email", p.Profile.Email}, {"head_img", p.Profile.HeadImg},
		{"attr_gender", p.Profile.Gender}, {"attr_birthday", p.Profile.Birthday}, {"attr_nick_name", p.Profile.NickName},
		{"first_name", p.Profile.FirstName}, {"middle_name", p.Profile.MiddleName}, {"last_name", p.Profile.LastName},
	} {
		x.Out = append(x.Out, "{,"[min(i, 1)])
		x.Out = append(facade.AppendString(x.Out, m.name), ':')
		if m.value == "" {
			x.Out = append(x.Out, "null"...)
		} else {
			x.Out = facade.AppendString(x.Out, m.value)
		}
	}
	x.Out = append(x.Out, `,"extension":`...)
	if len(p.Profile.Extension) == 0 {
		x.Out = append(x.Out, "{}"...)
	} else {
		x.Out = append(x.Out, p.Profile.Extension...)
	}
	x.Out = append(x.Out, '}')
	return nil
}

// mobileUpdate gives the user another number (contracts/oneaccess.md §8.5).
func (d *dialect) mobileUpdate(ctx context.Context, x *facade.Exchange, c *caller) error {
	r, err := d.codeRequest(ctx, x, c)
	if err != nil {
		return err
	}
	old, err := text(x, "old_verify_code")
	if err != nil {
		return err
	}
	var oldCode core.Code
	if old != "" {
		if oldCode, err = codeOf(old, "old_verify_code"); err != nil {
			return err
		}
	}
	session, err := d.session(ctx, x, c)
	if err != nil {
		return err
	}
	if r.Literal != "" {
		return errMobile // a test number is nobody's
	}
	return x.Once(ctx, c.app.ID, func(call *idempotency.Call) error {
		x.Out = append(x.Out, `{"status":"`+statusSuccess+`"}`...)
		return d.Verify.ChangePhone(ctx, verify.ChangePhoneRequest{App: c.app, Session: session, Phone: r.Phone, Code: r.Code, OldCode: oldCode,
			Fingerprint: r.Fingerprint, EndUser: r.EndUser, Call: call, Answer: x.Out})
	})
}
