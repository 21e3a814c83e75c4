package oneaccess

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
)

// Bounds of what a user says of himself (contracts/oneaccess.md §6), in bytes.
const (
	longestText      = 256
	longestExtension = 4 << 10
)

// register makes a user (contracts/oneaccess.md §6).
func (d *dialect) register(ctx context.Context, x *facade.Exchange, c *caller) error {
	r, err := d.codeRequest(ctx, x, c)
	if err != nil {
		return err
	}
	profile, err := profileOf(x)
	if err != nil {
		return err
	}
	if !c.app.OneAccess.Registration {
		return errMobile
	}
	in, err := d.Verify.Register(ctx, r, profile)
	if err != nil {
		return err
	}
	x.Out = append(x.Out, `{"status":"`+statusSuccess+`","expire":`...)
	x.Out = strconv.AppendInt(x.Out, int64(in.Life.Seconds()), 10)
	x.Out = append(x.Out, `,"session_token":"`...)
	x.Out = append(append(x.Out, in.Token.Reveal()...), `"}`...)
	return nil
}

// profileOf reads the optional members; pwd is ignored.
func profileOf(x *facade.Exchange) (p account.Profile, err error) {
	for _, m := range []struct {
		name string
		to   *string
		ok   func(string) bool
	}{
		{"user_name", &p.UserName, isUserName}, {"name", &p.Name, nil}, {"email", &p.Email, isEmail}, {"head_img", &p.HeadImg, nil},
		{"attr_gender", &p.Gender, isGender}, {"attr_birthday", &p.Birthday, isDate}, {"attr_nick_name", &p.NickName, nil},
		{"first_name", &p.FirstName, nil}, {"middle_name", &p.MiddleName, nil}, {"last_name", &p.LastName, nil},
		{"mailing_address", &p.MailingAddress, nil}, {"zip_code", &p.ZipCode, nil}, {"industry", &p.Industry, nil},
	} {
		if *m.to, err = text(x, m.name); err != nil {
			return p, err
		}
		if len(*m.to) > longestText || *m.to != "" && m.ok != nil && !m.ok(*m.to) {
			return p, core.Field(core.KindBadField, m.name)
		}
	}
	extension := x.Object.Get("extension")
	if extension.IsMissing() {
		return p, nil
	}
	if _, ok := extension.Object(); !ok || len(extension.Literal()) > longestExtension {
		return p, core.Field(core.KindBadField, "extension")
	}
	p.Extension = json.RawMessage(extension.Literal())
	return p, nil
}

// isUserName keeps users from names that are ids of others: where a user has no
// name, its id stands in its place (contracts/oneaccess.md §9).
func isUserName(s string) bool { return !account.HasOneAccessSyntax(strings.ToLower(s)) }

func isEmail(s string) bool {
	_, ok := emailOf(s)
	return ok
}

func isGender(s string) bool { return s == "male" || s == "female" || s == "secret" }

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}
