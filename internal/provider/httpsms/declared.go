package httpsms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/declare"
	"yanma.dev/yanma/internal/provider"
)

// declared is a provider that its stanza describes.
type declared struct {
	cfg      Config
	method   string
	encoding string
	fields   map[string]declare.Template
	body     declare.Document
	headers  map[string]declare.Template
	sign     *signer

	answers answers
	hooks   hooks

	wantsTemplate bool     // the request names the carrier's template
	wantsParams   []string // … and these parameters of ours
}

func newDeclared(cfg Config) (wire, error) {
	d := &declared{cfg: cfg, method: cfg.Request.Method, encoding: cfg.Request.Encoding}
	setDefault(&d.method, http.MethodPost)
	if d.method == http.MethodGet {
		setDefault(&d.encoding, "query")
	}
	setDefault(&d.encoding, "form")
	for _, step := range []func() error{d.compileRequest, d.compileHeaders, d.compileSign, d.compileAuth, d.compileAnswers, d.compileHooks} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// inMessage tells which names a request's templates may have.
func inMessage(name string) bool {
	switch name {
	case "to", "to.digits", "to.national", "from", "text", "id", "validity", "time", "time_ms", "account", "password",
		"application", "signature", "receipts", "template", "params":
		return true
	}
	return len(name) > len("param.") && strings.HasPrefix(name, "param.")
}

func (d *declared) compileRequest() error {
	if !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut}, d.method) {
		return fmt.Errorf("request.method: %q is not one of GET, POST, PUT", d.method)
	}
	r := d.cfg.Request
	switch d.encoding {
	case "query", "form":
		if d.method == http.MethodGet && d.encoding == "form" {
			return errors.New("request.encoding: a GET has no form; use query")
		}
		if len(r.Fields) == 0 || r.Body != "" {
			return fmt.Errorf("request.fields: what %s sends is in fields, not in body", d.encoding)
		}
	case "json":
		if r.Body == "" || len(r.Fields) > 0 || d.method == http.MethodGet {
			return errors.New("request.body: what json sends is in body, not in fields, and not by GET")
		}
		var err error
		if d.body, err = declare.ParseDocument(r.Body, inMessage); err != nil {
			return fmt.Errorf("request.body: %w", err)
		}
		d.body.Each(d.note)
		return nil
	default:
		return fmt.Errorf("request.encoding: %q is not one of query, form, json", d.encoding)
	}
	var err error
	d.fields, err = d.compileAll("request.fields", r.Fields)
	return err
}

func (d *declared) compileHeaders() (err error) {
	for _, name := range slices.Sorted(maps.Keys(d.cfg.Request.Headers)) {
		if !isToken(name) || strings.EqualFold(name, "Host") || strings.EqualFold(name, "Content-Length") {
			return fmt.Errorf("request.headers.%s: is not a header that can be set", name)
		}
	}
	d.headers, err = d.compileAll("request.headers", d.cfg.Request.Headers)
	return err
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) })
}

func (d *declared) compileAll(table string, texts map[string]string) (map[string]declare.Template, error) {
	all := make(map[string]declare.Template, len(texts))
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		t, err := declare.Parse(texts[key], inMessage)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", table, key, err)
		}
		d.note(t)
		all[key] = t
	}
	return all, nil
}

// note remembers what of a message a template can not do without.
func (d *declared) note(t declare.Template) {
	for _, name := range t.Names() {
		if name == "template" || name == "params" {
			d.wantsTemplate = true
		}
		if ours, ok := strings.CutPrefix(name, "param."); ok {
			d.wantsParams = append(d.wantsParams, ours)
		}
	}
}

func (d *declared) compileAuth() error {
	switch auth := d.cfg.Request.Auth; auth {
	case "", "none":
		return nil
	case "basic":
		return d.cfg.need("account", "password")
	case "bearer":
		return d.cfg.need("password")
	default:
		return fmt.Errorf("request.auth: %q is not one of none, basic, bearer", auth)
	}
}

func (d *declared) carries(m *provider.Message) bool {
	if d.wantsTemplate {
		if _, ok := d.cfg.mapped(m); !ok {
			return false
		}
	}
	for _, ours := range d.wantsParams {
		if _, ok := m.Params[ours]; !ok {
			return false
		}
	}
	return true
}

func (d *declared) compose(m *provider.Message, t turn) (*http.Request, error) {
	value := d.values(m, t)
	form := make(url.Values, len(d.fields)+1)
	for name, field := range d.fields {
		form.Set(name, field.Render(value))
	}
	var body []byte
	var media string
	if d.encoding == "json" {
		var err error
		if body, err = json.Marshal(d.body.Render(value)); err != nil {
			return nil, errors.New("the body can not be written")
		}
		media = "application/json"
	}
	target, err := url.Parse(d.cfg.URL)
	if err != nil {
		return nil, errors.New("the URL can not be called")
	}
	signature := d.sign.of(form, string(body), target.EscapedPath(), value)
	if d.sign != nil && d.sign.field != "" {
		form.Set(d.sign.field, signature)
	}
	switch d.encoding {
	case "query":
		query := target.Query()
		maps.Copy(query, form)
		target.RawQuery = query.Encode()
	case "form":
		body, media = []byte(form.Encode()), "application/x-www-form-urlencoded"
	}
	return d.request(target.String(), body, media, signature, value)
}

func (d *declared) request(address string, body []byte, media, signature string, value func(string) string) (*http.Request, error) {
	var r *http.Request
	var err error
	if body == nil {
		r, err = http.NewRequest(d.method, address, nil) //nolint:noctx // httpcall.Do gives it one
	} else {
		r, err = http.NewRequest(d.method, address, bytes.NewReader(body)) //nolint:noctx // as above
	}
	if err != nil {
		return nil, errors.New("the URL can not be called")
	}
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	for name, header := range d.headers {
		text := header.Render(value)
		if strings.ContainsAny(text, "\r\n\x00") {
			return nil, errors.New("a header would have more than one line")
		}
		r.Header.Set(name, text)
	}
	if d.sign != nil && d.sign.header != "" {
		r.Header.Set(d.sign.header, signature)
	}
	switch d.cfg.Request.Auth {
	case "basic":
		r.SetBasicAuth(d.cfg.Account, d.cfg.Password.Reveal())
	case "bearer":
		r.Header.Set("Authorization", "Bearer "+d.cfg.Password.Reveal())
	}
	return r, nil
}

// values are what the names stand for in one request.
func (d *declared) values(m *provider.Message, t turn) func(string) string {
	return func(name string) string {
		switch name {
		case "to":
			return m.To.E164()
		case "to.digits":
			return strings.TrimPrefix(m.To.E164(), "+")
		case "to.national":
			return m.To.National()
		case "from":
			if m.From == "" {
				return d.cfg.Source
			}
			return m.From
		case "text":
			return m.Text
		case "id":
			return t.nonce
		case "validity":
			return strconv.FormatInt(int64(m.Validity/time.Second), 10)
		case "time":
			return strconv.FormatInt(t.now.Unix(), 10)
		case "time_ms":
			return strconv.FormatInt(t.now.UnixMilli(), 10)
		case "account":
			return d.cfg.Account
		case "password":
			return d.cfg.Password.Reveal()
		case "application":
			return d.cfg.Application
		case "signature":
			return d.cfg.Signature
		case "receipts":
			return d.cfg.hookURL()
		case "template":
			return d.cfg.Templates[m.Template].Code
		case "params":
			return d.params(m)
		}
		return m.Params[strings.TrimPrefix(name, "param.")]
	}
}

// params is the JSON of the parameters that the mapping names.
func (d *declared) params(m *provider.Message) string {
	t := d.cfg.Templates[m.Template]
	table := make(map[string]string, len(t.Params))
	for _, p := range t.Params {
		theirs, ours := t.pair(p)
		table[theirs] = m.Params[ours]
	}
	text, err := json.Marshal(table)
	if err != nil {
		return "{}"
	}
	return string(text)
}
