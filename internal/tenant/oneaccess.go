package tenant

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
)

// SecondSMS says when a login asks for a second code (contracts/oneaccess.md §5).
type SecondSMS string

// When a login asks for a second code.
const (
	SecondNever     SecondSMS = "never"
	SecondNewDevice SecondSMS = "new_device"
	SecondAlways    SecondSMS = "always"
)

// CaptchaWhen says which sends ask for a challenge.
type CaptchaWhen string

// Which sends ask for a challenge.
const (
	CaptchaAlways CaptchaWhen = "always"
	CaptchaAfter  CaptchaWhen = "after" // CaptchaSends sends of the day
	CaptchaOnRisk CaptchaWhen = "risk"  // when the guard wants one
)

// Kinds of challenges.
const (
	CaptchaPuzzle   = "puzzle"   // the block puzzle
	CaptchaWork     = "work"     // proof of work
	CaptchaVerifier = "verifier" // somebody else's, see OneAccessSettings.Verifier
)

// RecycledPolicy says what a login means of a number that nobody used for long:
// its operator may have given it to another person.
type RecycledPolicy string

// What a login of a number means that nobody used for long.
const (
	RecycledStepUp  RecycledPolicy = "step_up"  // a further proof, or another user
	RecycledNewUser RecycledPolicy = "new_user" // another user at once
)

// ErrorText is what an app says instead of a row of the dialect's error table;
// an empty member leaves the row's own.
type ErrorText struct {
	Code    string `json:"code,omitempty"`
	English string `json:"en,omitempty"`
	Chinese string `json:"zh,omitempty"`
}

// ErrorTexts are by the code of a row of contracts/oneaccess.md §1.4. As JSON they
// are a list, each with its row.
type ErrorTexts map[string]ErrorText

type errorRow struct {
	Row string `json:"row"`
	ErrorText
}

// MarshalJSON writes the list in the order of the rows.
func (t ErrorTexts) MarshalJSON() ([]byte, error) {
	list := make([]errorRow, 0, len(t))
	for _, row := range slices.Sorted(maps.Keys(t)) {
		list = append(list, errorRow{Row: row, ErrorText: t[row]})
	}
	return json.Marshal(list)
}

// UnmarshalJSON replaces what was there.
func (t *ErrorTexts) UnmarshalJSON(b []byte) error {
	var list []errorRow
	if err := strictJSON(string(b), &list); err != nil {
		return err
	}
	*t = make(ErrorTexts, len(list))
	for _, e := range list {
		(*t)[e.Row] = e.ErrorText
	}
	return nil
}

// OneAccessSettings are an app's settings in the oneaccess dialect as they are
// stored and shown: no secret.
type OneAccessSettings struct {
	ClientID string `json:"client_id"` // empty in a subscription: it is its template's

	ISV        bool       `json:"isv"`                       // a template that tenants subscribe to (contracts/oneaccess.md §8.6)
	TemplateOf core.AppID `json:"subscription_to,omitempty"` // of a subscription: the template; 0 in every other app

	AutoRegister    bool           `json:"auto_register"`    // a login makes the user that is unknown
	Registration    bool           `json:"registration"`     // users may register themselves (§6)
	SecondSMS       SecondSMS      `json:"second_sms"`       // when a login asks for a second code
	SessionSeconds  int            `json:"session_seconds"`  // a session lives
	RegisterSeconds int            `json:"register_seconds"` // a session of a registration lives
	TokenSeconds    int            `json:"token_seconds"`    // a backend's access token lives
	IDToken         bool           `json:"id_token"`         // a login gives an id token
	IDTokenSeconds  int            `json:"id_token_seconds"` // it lives
	MaskMobile      bool           `json:"mask_mobile"`      // mobile-by-token masks the number (§5)
	RecycledDays    int            `json:"recycled_days"`    // without a login, after which a number may be another person's; 0 = never
	Recycled        RecycledPolicy `json:"recycled"`         // what its next login means
	Language        string         `json:"language"`         // zh, en: of messages when the caller names none

	Captcha        CaptchaWhen `json:"captcha"`                // which sends ask for a challenge
	CaptchaSends   int         `json:"captcha_sends"`          // with after: sends of a number in 24 h that need none
	CaptchaKinds   []string    `json:"captcha_kinds"`          // that are taken: puzzle, work, verifier
	CaptchaAES     bool        `json:"captcha_aes"`            // the puzzle's answer may come encrypted (§2.2)
	AcceptUnbound  bool        `json:"captcha_accept_unbound"` // a pass that names no client, device or receiver counts (§7)
	WorkDifficulty int         `json:"work_difficulty"`        // hashes of a proof of work at most
	Verifier       string      `json:"captcha_verifier"`       // name of the configured verifier of somebody else's challenges; "" = none

	RedirectURIs []string   `json:"redirect_uris"`         // of the login page's answers
	Errors       ErrorTexts `json:"error_texts,omitempty"` // what it says instead of the dialect's texts
}

// OneAccess is what requests see of an app in the dialect: part of a snapshot
// that never changes.
type OneAccess struct {
	OneAccessSettings            // with the client id, in a subscription too
	Keys              core.AppID // whose RSA keys sign and decrypt: of a subscription the template's
	TenantID          string     // X-tenant-id of the app's tenant
	Host              string     // first of the host names that are the tenant's own; "" = none
}

// SessionLife is how long a login's session lives.
func (o *OneAccess) SessionLife() time.Duration { return seconds(o.SessionSeconds) }

// RegisterLife is how long a registration's session lives.
func (o *OneAccess) RegisterLife() time.Duration { return seconds(o.RegisterSeconds) }

// IDTokenLife is how long an id token lives.
func (o *OneAccess) IDTokenLife() time.Duration { return seconds(o.IDTokenSeconds) }

// TokenLife is how long a backend's access token lives.
func (o *OneAccess) TokenLife() time.Duration { return seconds(o.TokenSeconds) }

// Takes tells whether the app takes a kind of challenge.
func (o *OneAccess) Takes(kind string) bool { return slices.Contains(o.CaptchaKinds, kind) }

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// DefaultOneAccess is a client that nobody has set anything of
// (contracts/oneaccess.md §2.4, §6, §8.1, §9; requirement row 45).
func DefaultOneAccess() OneAccessSettings {
	return OneAccessSettings{
		AutoRegister:    true,
		Registration:    true,
		SecondSMS:       SecondNever,
		SessionSeconds:  604_800,
		RegisterSeconds: 43_200,
		TokenSeconds:    1_800,
		IDToken:         true,
		IDTokenSeconds:  7_200,
		RecycledDays:    90,
		Recycled:        RecycledStepUp,
		Language:        "zh",
		Captcha:         CaptchaAlways,
		CaptchaKinds:    []string{CaptchaPuzzle, CaptchaWork},
		WorkDifficulty:  50_000,
		RedirectURIs:    []string{},
	}
}

// OneAccessPatch changes an app's settings in the dialect, or makes its client:
// what is nil stays as it is, and takes its default in a new one.
type OneAccessPatch struct {
	ClientID *string `json:"client_id,omitempty"` // of a client that is made; drawn when absent
	ISV      *bool   `json:"isv,omitempty"`       // of a client that is made

	AutoRegister    *bool           `json:"auto_register,omitempty"`
	Registration    *bool           `json:"registration,omitempty"`
	SecondSMS       *SecondSMS      `json:"second_sms,omitempty"`
	SessionSeconds  *int            `json:"session_seconds,omitempty"`
	RegisterSeconds *int            `json:"register_seconds,omitempty"`
	TokenSeconds    *int            `json:"token_seconds,omitempty"`
	IDToken         *bool           `json:"id_token,omitempty"`
	IDTokenSeconds  *int            `json:"id_token_seconds,omitempty"`
	MaskMobile      *bool           `json:"mask_mobile,omitempty"`
	RecycledDays    *int            `json:"recycled_days,omitempty"`
	Recycled        *RecycledPolicy `json:"recycled,omitempty"`
	Language        *string         `json:"language,omitempty"`

	Captcha        *CaptchaWhen `json:"captcha,omitempty"`
	CaptchaSends   *int         `json:"captcha_sends,omitempty"`
	CaptchaKinds   *[]string    `json:"captcha_kinds,omitempty"`
	CaptchaAES     *bool        `json:"captcha_aes,omitempty"`
	AcceptUnbound  *bool        `json:"captcha_accept_unbound,omitempty"`
	WorkDifficulty *int         `json:"work_difficulty,omitempty"`
	Verifier       *string      `json:"captcha_verifier,omitempty"`

	RedirectURIs *[]string   `json:"redirect_uris,omitempty"`
	Errors       *ErrorTexts `json:"error_texts,omitempty"` // replaces all of them

	NewSecret bool `json:"new_secret,omitempty"` // draw a client secret; older ones end
}

func (p OneAccessPatch) applyTo(s *OneAccessSettings, isNew bool) error {
	if p.ClientID != nil && !isNew && *p.ClientID != s.ClientID {
		return bad("client_id", "it can not be changed")
	}
	if p.ISV != nil && !isNew && *p.ISV != s.ISV {
		return bad("isv", "it can not be changed: make another app")
	}
	set(&s.ClientID, p.ClientID)
	set(&s.ISV, p.ISV)
	set(&s.AutoRegister, p.AutoRegister)
	set(&s.Registration, p.Registration)
	set(&s.SecondSMS, p.SecondSMS)
	set(&s.SessionSeconds, p.SessionSeconds)
	set(&s.RegisterSeconds, p.RegisterSeconds)
	set(&s.TokenSeconds, p.TokenSeconds)
	set(&s.IDToken, p.IDToken)
	set(&s.IDTokenSeconds, p.IDTokenSeconds)
	set(&s.MaskMobile, p.MaskMobile)
	set(&s.RecycledDays, p.RecycledDays)
	set(&s.Recycled, p.Recycled)
	set(&s.Language, p.Language)
	set(&s.Captcha, p.Captcha)
	set(&s.CaptchaSends, p.CaptchaSends)
	set(&s.CaptchaKinds, p.CaptchaKinds)
	set(&s.CaptchaAES, p.CaptchaAES)
	set(&s.AcceptUnbound, p.AcceptUnbound)
	set(&s.WorkDifficulty, p.WorkDifficulty)
	set(&s.Verifier, p.Verifier)
	set(&s.RedirectURIs, p.RedirectURIs)
	set(&s.Errors, p.Errors)
	s.CaptchaKinds, s.RedirectURIs, s.Errors = slices.Clone(s.CaptchaKinds), slices.Clone(s.RedirectURIs), maps.Clone(s.Errors)
	return nil
}

// Bounds of settings.
const (
	longestSession  = 366 * 24 * 3600 // seconds
	mostErrorTexts  = 100
	longestErrText  = 500
	hardestWork     = 10_000_000
	longestVerifier = 64
)

// build makes what requests see, and checks the settings. Errors are KindBadField.
func (s OneAccessSettings) build() (*OneAccess, error) {
	errs := []error{
		oneOf("second_sms", s.SecondSMS, SecondNever, SecondNewDevice, SecondAlways),
		between("session_seconds", int64(s.SessionSeconds), 60, longestSession),
		between("register_seconds", int64(s.RegisterSeconds), 60, longestSession),
		between("token_seconds", int64(s.TokenSeconds), 60, 24*3600),
		between("id_token_seconds", int64(s.IDTokenSeconds), 60, 24*3600),
		between("recycled_days", int64(s.RecycledDays), 0, 3650),
		oneOf("recycled", s.Recycled, RecycledStepUp, RecycledNewUser),
		oneOf("language", s.Language, "zh", "en"),
		oneOf("captcha", s.Captcha, CaptchaAlways, CaptchaAfter, CaptchaOnRisk),
		between("captcha_sends", int64(s.CaptchaSends), 0, 1000),
		between("work_difficulty", int64(s.WorkDifficulty), 1_000, hardestWork),
		s.checkClient(), s.checkKinds(), s.checkErrors(),
	}
	for _, uri := range s.RedirectURIs {
		errs = append(errs, checkRedirect(uri))
	}
	if len(s.RedirectURIs) > mostRedirects {
		errs = append(errs, bad("redirect_uris", "want at most %d", mostRedirects))
	}
	return &OneAccess{OneAccessSettings: s}, together(errs...)
}

func (s OneAccessSettings) checkClient() error {
	switch {
	case s.TemplateOf != 0 && (s.ISV || s.ClientID != ""):
		return bad("client_id", "a subscription has its template's")
	case s.TemplateOf == 0 && !isImportableID(s.ClientID):
		return bad("client_id", "want 1 to 64 characters of A-Z a-z 0-9 _ . -")
	}
	return nil
}

func (s OneAccessSettings) checkKinds() error {
	if len(s.CaptchaKinds) == 0 {
		return bad("captcha_kinds", "want at least one")
	}
	for i, kind := range s.CaptchaKinds {
		if slices.Contains(s.CaptchaKinds[:i], kind) {
			return bad("captcha_kinds", "%q stands there twice", kind)
		}
		if err := oneOf("captcha_kinds", kind, CaptchaPuzzle, CaptchaWork, CaptchaVerifier); err != nil {
			return err
		}
	}
	if len(s.Verifier) > longestVerifier || !isVisible(s.Verifier) {
		return bad("captcha_verifier", "want at most %d visible ASCII characters", longestVerifier)
	}
	if slices.Contains(s.CaptchaKinds, CaptchaVerifier) && s.Verifier == "" {
		return bad("captcha_verifier", "captcha_kinds has verifier: name it")
	}
	return nil
}

func (s OneAccessSettings) checkErrors() error {
	if len(s.Errors) > mostErrorTexts {
		return bad("error_texts", "want at most %d", mostErrorTexts)
	}
	for row, text := range s.Errors {
		for _, part := range []string{row, text.Code, text.English, text.Chinese} {
			if len(part) > longestErrText || strings.ContainsFunc(part, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
				return bad("error_texts", "want texts of at most %d bytes without control characters", longestErrText)
			}
		}
	}
	return nil
}

func oneOf[T ~string](field string, value T, allowed ...T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return bad(field, "%q is none of %s", string(value), strings.Join(names, ", "))
}

// UnmarshalJSON reads stored settings: a member that an older version did not
// have takes its default; one that this version does not have is an error.
func (s *OneAccessSettings) UnmarshalJSON(b []byte) error {
	type plain OneAccessSettings
	read := plain(DefaultOneAccess())
	if err := strictJSON(string(b), &read); err != nil {
		return err
	}
	*s = OneAccessSettings(read)
	return nil
}
