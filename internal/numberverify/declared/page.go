package declared

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/declare"
	"yanma.dev/yanma/internal/numberverify"
)

// Page is what a phone's browser sends to a carrier, signed anew for each
// session of the page (contracts/carriers.md §3 "Device side"). Its texts are
// templates: {id} (32 hexadecimal digits, one for the session), {time},
// {time_ms}, {time_beijing}, {carrier}, {app_id}. What is signed may have
// {app_key} and {app_secret} too, which a page never sees.
type Page struct {
	AppID     string
	AppKey    core.Secret
	AppSecret core.Secret
	Params    map[string]string
	Sign      Sign // Field gets it; there is no Header, {body} or {path}
}

// Signer makes a page's parameters.
type Signer struct {
	page   Page
	params map[string]declare.Template
	signed bool
	digest declare.Digest
	over   declare.Template
	deps   Deps
}

// shownToPages tells which names a page's parameters may have.
func shownToPages(name string) bool {
	return slices.Contains([]string{"id", "time", "time_ms", "time_beijing", "carrier", "app_id"}, name)
}

// Validate finds the first mistake; its error begins with the key at fault.
func (p Page) Validate() error {
	_, err := NewSigner(p, Deps{})
	return err
}

// NewSigner returns one. Errors as Page.Validate.
func NewSigner(p Page, deps Deps) (*Signer, error) {
	s := &Signer{page: p, deps: deps, params: map[string]declare.Template{}}
	for name, text := range p.Params {
		t, err := declare.Parse(text, shownToPages)
		if err != nil {
			return nil, fmt.Errorf("device.params.%s: %w", name, err)
		}
		s.params[name] = t
	}
	if p.Sign == (Sign{}) {
		return s, nil
	}
	return s, s.compileSign()
}

func (s *Signer) compileSign() (err error) {
	sign := s.page.Sign
	if s.digest, err = declare.NewDigest("app_key", sign.Algorithm, sign.Encoding, s.page.AppKey); err != nil {
		return fmt.Errorf("device.sign.algorithm: %w", err)
	}
	setDefault(&sign.Over, map[string]string{"md5": "{sorted}{app_key}"}[sign.Algorithm])
	setDefault(&sign.Over, "{sorted}")
	signable := func(name string) bool {
		return shownToPages(name) || name == "sorted" || name == "app_key" || name == "app_secret"
	}
	if s.over, err = declare.Parse(sign.Over, signable); err != nil {
		return fmt.Errorf("device.sign.over: %w", err)
	}
	if sign.Field == "" || sign.Header != "" {
		return errors.New("device.sign.field: must say which parameter gets the signature; a page sets no header")
	}
	s.signed = true
	return nil
}

// Params are the parameters of one session for a carrier's gateway. An error
// only without random bytes.
func (s *Signer) Params(c numberverify.Carrier) (map[string]string, error) {
	var id [16]byte
	if _, err := io.ReadFull(s.deps.Random, id[:]); err != nil {
		return nil, fmt.Errorf("declared: no random bytes: %w", err)
	}
	value := s.values(c, hex.EncodeToString(id[:]), s.deps.Now())
	form := url.Values{}
	for name, t := range s.params {
		form.Set(name, t.Render(value))
	}
	params := make(map[string]string, len(form)+1)
	for name := range form {
		params[name] = form.Get(name)
	}
	if s.signed {
		params[s.page.Sign.Field] = s.digest.Of(s.over.Render(func(name string) string {
			if name == "sorted" {
				return declare.Sorted(form, "&")
			}
			return value(name)
		}))
	}
	return params, nil
}

func (s *Signer) values(c numberverify.Carrier, id string, now time.Time) func(string) string {
	return func(name string) string {
		switch name {
		case "id":
			return id
		case "time":
			return strconv.FormatInt(now.Unix(), 10)
		case "time_ms":
			return strconv.FormatInt(now.UnixMilli(), 10)
		case "time_beijing":
			return stamp(now)
		case "carrier":
			return strconv.Itoa(int(c))
		case "app_id":
			return s.page.AppID
		case "app_key":
			return s.page.AppKey.Reveal()
		case "app_secret":
			return s.page.AppSecret.Reveal()
		}
		return ""
	}
}
