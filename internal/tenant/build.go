package tenant

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/message"
)

// Bounds of settings.
const (
	longestName   = 64
	longestCode   = 600 // seconds a code lives: contracts/README.md §5
	highestPrice  = 1_000_000_000
	mostDevices   = 10_000
	mostSources   = 1_000
	mostTests     = 100
	longestTest   = 32
	longestSender = 20 // of a source address in SMPP (contracts/delivery.md §2)
)

// bad is a setting that is not taken: its name, and a sentence for the
// operator that quotes neither a number nor a secret.
func bad(field, format string, args ...any) error {
	return &core.Error{Kind: core.KindBadField, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// together is nil, or one error that names the first setting and says what is
// wrong with each.
func together(errs ...error) error {
	var all *core.Error
	for _, err := range errs {
		if err == nil {
			continue
		}
		e := core.AsError(err)
		if all == nil {
			first := *e
			all = &first
			continue
		}
		all.Detail += "; " + e.Field + ": " + e.Detail
	}
	if all == nil {
		return nil
	}
	return all
}

// build makes the snapshot that requests see. It is also what checks settings:
// every error is a KindBadField that names the setting.
func (s Settings) build(defaults Defaults, tests []TestNumber) (*App, error) {
	app := &App{
		Dialects:        slices.Clone(s.Dialects),
		CodeTemplate:    s.CodeTemplate,
		Sender:          s.Sender,
		CodeLength:      s.CodeLength,
		CodeLife:        time.Duration(s.CodeLife) * time.Second,
		SMSPrice:        priceOr(s.SMSPrice, defaults.SMSPrice),
		LoginPrice:      priceOr(s.LoginPrice, defaults.LoginPrice),
		VerifyPrice:     priceOr(s.VerifyPrice, defaults.VerifyPrice),
		FetchPrice:      priceOr(s.FetchPrice, defaults.FetchPrice),
		VoicePrice:      priceOr(s.VoicePrice, defaults.VoicePrice),
		SIMSwap:         s.SIMSwap,
		TenantPays:      s.TenantPays,
		Countries:       slices.Clone(s.Countries),
		TestNumbers:     slices.Clone(tests),
		RequireKeyOnGet: s.RequireKeyOnGet,
		RequireAuth:     s.RequireAuth,
		DeviceCap:       s.DeviceCap,
		CallbackURL:     s.CallbackURL,
		LowBalance:      s.LowBalance,
		Guard:           s.Guard,
		Caps:            billing.Caps(maps.Clone(s.SpendCaps)),
	}
	app.Phones = guard.PhonePolicy{Countries: make(map[string]bool, len(s.Countries))}
	for _, country := range s.Countries {
		app.Phones.Countries[country] = true
	}
	return app, together(
		s.checkNumbers(),
		between("sms_price", int64(app.SMSPrice), 0, highestPrice),
		between("login_price", int64(app.LoginPrice), 0, highestPrice),
		between("verify_price", int64(app.VerifyPrice), 0, highestPrice),
		between("fetch_price", int64(app.FetchPrice), 0, highestPrice),
		between("low_balance", int64(s.LowBalance), 0, 1<<53),
		checkCallback(s.CallbackURL),
		between("voice_price", int64(app.VoicePrice), 0, highestPrice),
		s.SIMSwap.check(),
		s.Guard.check(),
		s.SpendCaps.check(),
		checkDialects(s.Dialects),
		checkTemplateName(s.CodeTemplate),
		s.buildZone(app),
		checkSender(s.Sender),
		checkCountries(s.Countries),
		checkTests(tests),
		s.buildTemplate(app),
		s.buildSources(app),
		s.buildOrigins(app),
		s.buildFunnel(app),
		s.buildPlan(app),
		s.buildCallers(app),
		s.buildLimits(app, defaults.Rules),
		s.buildCamara(app),
		s.buildOneAccess(app),
	)
}

func (s Settings) checkNumbers() error {
	return together(
		between("code_length", int64(s.CodeLength), 4, 10),
		between("code_life_seconds", int64(s.CodeLife), 1, longestCode),
		between("device_cap", int64(s.DeviceCap), 1, mostDevices),
	)
}

func priceOr(own *core.Credits, otherwise core.Credits) core.Credits {
	if own != nil {
		return *own
	}
	return otherwise
}

func between(field string, value, low, high int64) error {
	if value < low || value > high {
		return bad(field, "%d is not between %d and %d", value, low, high)
	}
	return nil
}

func checkDialects(dialects []Dialect) error {
	for i, d := range dialects {
		if !slices.Contains(allDialects, d) {
			return bad("dialects", "%q is none of %s", string(d), dialectNames())
		}
		if slices.Contains(dialects[:i], d) {
			return bad("dialects", "%q stands there twice", string(d))
		}
	}
	return nil
}

func dialectNames() string {
	names := make([]string, len(allDialects))
	for i, d := range allDialects {
		names[i] = string(d)
	}
	return strings.Join(names, ", ")
}

func checkSender(sender string) error {
	if len(sender) > longestSender || !isVisible(sender) {
		return bad("sender", "want at most %d visible ASCII characters", longestSender)
	}
	return nil
}

func checkCountries(countries []string) error {
	if len(countries) == 0 {
		return bad("countries", "want at least one")
	}
	known := phonenumbers.GetSupportedRegions()
	for i, country := range countries {
		if !known[country] {
			return bad("countries", "%q is no ISO 3166 region with telephone numbers", country)
		}
		if slices.Contains(countries[:i], country) {
			return bad("countries", "%s stands there twice", country)
		}
	}
	return nil
}

func checkTests(tests []TestNumber) error {
	if len(tests) > mostTests {
		return bad("test_numbers", "want at most %d", mostTests)
	}
	for i, t := range tests {
		switch {
		case t.Literal == "" || len(t.Literal) > longestTest || !isVisible(t.Literal):
			return bad("test_numbers", "entry %d: number: want 1 to %d visible ASCII characters", i+1, longestTest)
		case !core.ValidCodeDigits(t.Code):
			return bad("test_numbers", "entry %d: code: want 4 to 10 digits", i+1)
		case slices.ContainsFunc(tests[:i], func(o TestNumber) bool { return o.Literal == t.Literal }):
			return bad("test_numbers", "entry %d: the number stands there twice", i+1)
		}
	}
	return nil
}

// unsigned tells of an app that words no text itself: its dialects send under
// signatures that are audited, or send nothing (contracts/jsms.md §11, 50046).
func (s Settings) unsigned() bool {
	return s.Signature == "" && s.CodeText == "" && s.CodeDomain == "" && s.CodeAppHash == "" && len(s.Dialects) > 0 &&
		!slices.ContainsFunc(s.Dialects, func(d Dialect) bool { return d != DialectJSMS && d != DialectSubmail })
}

func (s Settings) buildTemplate(app *App) error {
	if s.unsigned() {
		return nil
	}
	app.Template = message.CodeTemplate{Signature: s.Signature, Text: s.CodeText, Domain: s.CodeDomain, AppHash: s.CodeAppHash}
	err := app.Template.Validate()
	if err == nil {
		return nil
	}
	e := core.AsError(err)
	field := e.Field
	if field != "signature" {
		field = "code_" + field // the template's own names: text, domain, app_hash
	}
	return bad(field, "%s", e.Detail)
}

func (s Settings) buildZone(app *App) (err error) {
	if app.Zone, err = message.Zone(s.TimeZone); err != nil {
		return bad("time_zone", "%s", core.AsError(err).Detail)
	}
	return nil
}

func checkTemplateName(name string) error {
	if err := message.ValidateTemplateName(name); err != nil {
		return bad("code_template", "%s", core.AsError(err).Detail)
	}
	return nil
}

func (s Settings) buildSources(app *App) error {
	if len(s.AllowedSources) > mostSources {
		return bad("allowed_sources", "want at most %d", mostSources)
	}
	for _, text := range s.AllowedSources {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			address, err := netip.ParseAddr(text)
			if err != nil || address.Zone() != "" {
				return bad("allowed_sources", "%q is no address and no CIDR prefix", text)
			}
			address = address.Unmap()
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		if prefix != prefix.Masked() || prefix.Addr().Is4In6() {
			return bad("allowed_sources", "%q has bits after its prefix; write %s", text, prefix.Masked())
		}
		app.AllowedSources = append(app.AllowedSources, prefix)
	}
	return nil
}

func (s Settings) buildCallers(app *App) error {
	if s.Callers == "" {
		return nil
	}
	callers, err := guard.ParseCallers(s.Callers)
	if err != nil {
		return bad("callers", "%v", err)
	}
	app.Callers = callers
	return nil
}

func (s Settings) buildLimits(app *App, rules guard.Rules) error {
	limits, err := rules.WithForApp(s.Limits)
	if err != nil {
		return bad("limits", "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	app.Limits, app.Unchallenged = limits, limits.Unchallenged()
	return nil
}

func (s Settings) buildCamara(app *App) (err error) {
	if s.Camara != nil {
		app.Camara, err = s.Camara.build()
	}
	return err
}

func (s Settings) buildOneAccess(app *App) (err error) {
	if s.OneAccess != nil {
		app.OneAccess, err = s.OneAccess.build()
	}
	return err
}

// checkName takes 1 to 64 characters that can be printed, with no blank at
// either end.
func checkName(name string) error {
	if name == "" || utf8.RuneCountInString(name) > longestName || !utf8.ValidString(name) || strings.TrimSpace(name) != name {
		return bad("name", "want 1 to %d characters without blanks around them", longestName)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return bad("name", "it has a character that can not be printed")
	}
	return nil
}

// strictJSON decodes exactly one value and refuses members that to does not have.
func strictJSON(text string, to any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}
