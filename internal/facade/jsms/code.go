package jsms

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

// codeDigits is how long a code is that the platform makes (contracts/jsms.md §2).
const codeDigits = 6

// start sends a code and answers with its msg_id.
func (d *dialect) start(ctx context.Context, x *facade.Exchange, r verify.StartRequest) error {
	r.Purpose, r.Length, r.Priced, r.Report = core.PurposeCode, codeDigits, true, r.App.Reports()
	r.EndUser = r.App.Callers.EndUserIP(x.Request.Header, x.Source)
	r.AnswerOf = func(id core.VerificationID) []byte { return d.appendMsgID(nil, r.App, id) }
	return x.Once(ctx, r.App.ID, func(call *idempotency.Call) error {
		r.Call = call
		started, err := d.Verify.Start(ctx, r)
		if err != nil {
			return err
		}
		x.Out = d.appendMsgID(x.Out, r.App, started.Verification)
		return nil
	})
}

func (d *dialect) appendMsgID(out []byte, app *tenant.App, id core.VerificationID) []byte {
	out = append(out, `{"msg_id":`...)
	return append(facade.AppendString(out, d.Verify.PublicID(app, id)), '}')
}

// limits are the rules of a send, with one for the number and the app. A number
// that everybody writes to is still worth an alert.
func limits(app *tenant.App, number *guard.Rule) *guard.Rules {
	return &guard.Rules{NumberApp: number, NumberInstallation: app.Unchallenged.NumberInstallation, IPSend: app.Unchallenged.IPSend}
}

// codes sends a code in the words of a template (contracts/jsms.md §2).
func (d *dialect) codes(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	mobile, ref, err := mobileAndTemplate(x)
	if err != nil {
		return err
	}
	signRef, err := signOf(x)
	if err != nil {
		return err
	}
	phone, err := mobileOf(mobile, app)
	if err != nil {
		return err
	}
	x.Event.Phone = phone
	t, err := d.template(app, ref)
	if err != nil {
		return err
	}
	if t.Kind != message.KindCode {
		return core.E(core.KindTemplateType, "")
	}
	sign, err := d.Catalogue.Signature(app, signRef)
	if err != nil {
		return err
	}
	render := func(digits string) (string, error) {
		return t.Render(sign.Text, map[string]string{message.ParamCode: digits}, d.Longest, d.Words)
	}
	if _, err := render("000000"); err != nil {
		return err
	}
	return d.start(ctx, x, verify.StartRequest{App: app, Phone: phone, Channel: core.ChannelSMS, Pool: t.Kind.Pool(), Price: app.SMSPrice,
		Life: t.TTL, Template: t.Name, Limits: limits(app, app.Unchallenged.JSMSCode),
		Wording: func(code core.Code) string { text, _ := render(code.Digits()); return text }}) // digits change no length
}

// mobileAndTemplate are the members that every send must have, in the order of
// contracts/jsms.md §1.3.
func mobileAndTemplate(x *facade.Exchange) (mobile facade.Value, template string, err error) {
	mobile = x.Object.Get("mobile")
	if err := checkTypes(x); err != nil {
		return mobile, "", err
	}
	if isBlank(mobile) {
		return mobile, "", core.Field(core.KindMissingField, "mobile")
	}
	template, err = templateRef(x)
	return mobile, template, err
}

// checkTypes finds members of types that no client sends: they make the body
// invalid, before anything is said about their values.
func checkTypes(x *facade.Exchange) error {
	for _, name := range []string{"mobile", "temp_id", "sign_id"} {
		v := x.Object.Get(name)
		if _, ok := textOrNumber(v); !ok && !v.IsMissing() {
			return core.E(core.KindMalformed, name)
		}
	}
	return nil
}

// templateRef is temp_id as the id of a template.
func templateRef(x *facade.Exchange) (string, error) {
	v := x.Object.Get("temp_id")
	if isBlank(v) {
		return "", core.Field(core.KindMissingField, "temp_id")
	}
	return reference(v, "temp_id")
}

// signOf is sign_id as the id of a signature; "" is the default one.
func signOf(x *facade.Exchange) (string, error) {
	v := x.Object.Get("sign_id")
	if isBlank(v) {
		return "", nil
	}
	return reference(v, "sign_id")
}

// template is an app's template that is approved.
func (d *dialect) template(app *tenant.App, ref string) (*message.Template, error) {
	t, err := d.Catalogue.Template(app.ID, ref)
	if err != nil {
		return nil, err
	}
	return t, t.Usable()
}

// Bounds of a spoken code (contracts/jsms.md §3).
const (
	defaultVoiceTTL = 60
	longestTTL      = 86400
	shortestSpoken  = 4
	longestSpoken   = 8
)

// voiceCodes calls a number and speaks a code (contracts/jsms.md §3).
func (d *dialect) voiceCodes(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	ttl, hasTTL, err := integerOf(x, "ttl")
	if err != nil {
		return err
	}
	language, err := languageOf(x)
	if err != nil {
		return err
	}
	digits, err := textOf(x, "code")
	if err != nil {
		return err
	}
	if err := checkTypes(x); err != nil {
		return err
	}
	phone, err := mobileOf(x.Object.Get("mobile"), app)
	if err != nil {
		return err
	}
	x.Event.Phone = phone
	own, err := spokenCode(digits)
	if err != nil {
		return err
	}
	if !hasTTL {
		ttl = defaultVoiceTTL
	}
	switch {
	case language < 0 || language > 2:
		return core.Field(core.KindBadField, "voice_lang")
	case ttl < 1 || ttl > longestTTL:
		return core.Field(core.KindBadField, "ttl")
	}
	return d.start(ctx, x, verify.StartRequest{App: app, Phone: phone, Channel: core.ChannelVoice, Code: own, Pool: core.PoolVoice,
		Price: app.VoicePrice, Life: time.Duration(ttl) * time.Second, Limits: limits(app, app.Unchallenged.JSMSVoice),
		Language: core.Language(language)})
}

// languageOf is voice_lang, which no client sends as a text.
func languageOf(x *facade.Exchange) (int64, error) {
	if _, isText := x.Object.Get("voice_lang").Text(); isText {
		return 0, core.E(core.KindMalformed, "voice_lang")
	}
	n, _, err := integerOf(x, "voice_lang")
	return n, err
}

// spokenCode is the caller's own code: 4 to 8 digits, or none.
func spokenCode(digits string) (core.Code, error) {
	if digits == "" {
		return core.Code{}, nil
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return core.Code{}, core.Field(core.KindInvalidCodeFormat, "digits")
		}
	}
	if len(digits) < shortestSpoken || len(digits) > longestSpoken {
		return core.Code{}, core.Field(core.KindInvalidCodeFormat, "length")
	}
	return core.CodeFromDigits(digits), nil
}
