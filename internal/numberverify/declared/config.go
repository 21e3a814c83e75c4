package declared

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/declare"
	"yanma.dev/yanma/internal/numberverify"
)

// Config is one gateway.
type Config struct {
	Name      string
	URL       string
	Carriers  []numberverify.Carrier // whose proofs it takes [all three]
	Answers   string                 // match or fetch [match]
	AppID     string
	AppKey    core.Secret
	AppSecret core.Secret
	Request   Request
	Response  Response
}

// Request is how the question is asked. Its texts are templates: {token},
// {number} as in +8613800138000, {number.digits}, {number.national},
// {number.sha256} (hex, of {number}), {carrier} 1 to 3, {browser}, {auth}, {id}
// (32 hexadecimal digits, new for each request), {time} and {time_ms} since
// 1970, {time_beijing} (17 digits), {app_id}, {app_key}, {app_secret}.
type Request struct {
	Method   string            `toml:"method"`   // GET or POST [POST]
	Encoding string            `toml:"encoding"` // query, form or json [query for GET, else form]
	Fields   map[string]string `toml:"fields"`   // parameters of query and form
	Body     string            `toml:"body"`     // the document of json; its texts are templates
	Headers  map[string]string `toml:"headers"`
	Sign     Sign              `toml:"sign"`
}

// Sign is a signature of a request.
type Sign struct {
	Algorithm string `toml:"algorithm"` // hmac-sha256 or md5 [none]
	Over      string `toml:"over"`      // what is signed: also {sorted} (k=v&… of the fields), {body}, {path} [{sorted}{app_key} for md5, {sorted} or {body} else]
	Encoding  string `toml:"encoding"`  // hex or base64 [hex]
	Field     string `toml:"field"`     // parameter that gets it
	Header    string `toml:"header"`    // header that gets it
}

// Response is what an answer means. Paths are such as result.0.code.
type Response struct {
	Code     string            `toml:"code"`     // path of the code
	Match    []string          `toml:"match"`    // codes of a match
	Mismatch []string          `toml:"mismatch"` // codes of a mismatch
	OK       []string          `toml:"ok"`       // fetch: codes of success
	Number   string            `toml:"number"`   // fetch: path of the number
	ID       string            `toml:"id"`       // path of the carrier's id of the exchange
	Text     string            `toml:"text"`     // path of the carrier's own text
	Codes    map[string]string `toml:"codes"`    // code, or its beginning and *: proof, network, caller, quota, input or carrier [carrier]
}

// asksWith tells which names a request's templates may have.
func asksWith(name string) bool {
	return slices.Contains([]string{"token", "number", "number.digits", "number.national", "number.sha256", "carrier", "browser", "auth", "id",
		"time", "time_ms", "time_beijing", "app_id", "app_key", "app_secret"}, name)
}

// Validate finds the first mistake; its error begins with the key at fault, as
// the configuration file writes it.
func (c Config) Validate() error {
	_, err := compile(c)
	return err
}

// compiled is a stanza that is ready to ask.
type compiled struct {
	Config
	fields  map[string]declare.Template
	body    declare.Document
	headers map[string]declare.Template
	signed  bool
	digest  declare.Digest
	over    declare.Template
	exact   map[string]numberverify.Class
	prefix  []prefixClass
}

type prefixClass struct {
	prefix string
	class  numberverify.Class
}

func compile(cfg Config) (*compiled, error) {
	c := &compiled{Config: cfg}
	setDefault(&c.Answers, "match")
	setDefault(&c.Request.Method, http.MethodPost)
	if c.Request.Method == http.MethodGet {
		setDefault(&c.Request.Encoding, "query")
	}
	setDefault(&c.Request.Encoding, "form")
	for _, step := range []func() error{c.where, c.asks, c.compileHeaders, c.compileSign, c.compileAnswers} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func setDefault(value *string, standard string) {
	if *value == "" {
		*value = standard
	}
}

func (c *compiled) where() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return errors.New("url: not an http or https URL with a host")
	}
	if c.Answers != "match" && c.Answers != "fetch" {
		return fmt.Errorf("answers: %q is neither match nor fetch", c.Answers)
	}
	return nil
}

func (c *compiled) asks() (err error) {
	r := c.Request
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		return fmt.Errorf("request.method: %q is neither GET nor POST", r.Method)
	case !slices.Contains([]string{"query", "form", "json"}, r.Encoding):
		return fmt.Errorf("request.encoding: %q is not one of query, form, json", r.Encoding)
	case r.Method == http.MethodGet && r.Encoding != "query":
		return fmt.Errorf("request.encoding: a GET has no %s; use query", r.Encoding)
	case r.Encoding == "json" && (r.Body == "" || len(r.Fields) > 0):
		return errors.New("request.body: what json sends is in body, not in fields")
	case r.Encoding != "json" && (r.Body != "" || len(r.Fields) == 0):
		return fmt.Errorf("request.fields: what %s sends is in fields, not in body", r.Encoding)
	}
	if r.Encoding == "json" {
		if c.body, err = declare.ParseDocument(r.Body, asksWith); err != nil {
			return fmt.Errorf("request.body: %w", err)
		}
		return nil
	}
	c.fields, err = all("request.fields", r.Fields)
	return err
}

func all(table string, texts map[string]string) (map[string]declare.Template, error) {
	made := make(map[string]declare.Template, len(texts))
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		t, err := declare.Parse(texts[key], asksWith)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", table, key, err)
		}
		made[key] = t
	}
	return made, nil
}

func (c *compiled) compileHeaders() (err error) {
	for _, name := range slices.Sorted(maps.Keys(c.Request.Headers)) {
		if !isHeader(name) {
			return fmt.Errorf("request.headers.%s: is not a header that can be set", name)
		}
	}
	c.headers, err = all("request.headers", c.Request.Headers)
	return err
}

func isHeader(s string) bool {
	return s != "" && !strings.EqualFold(s, "Host") && !strings.EqualFold(s, "Content-Length") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) })
}

func (c *compiled) compileSign() (err error) {
	s := &c.Request.Sign
	if *s == (Sign{}) {
		return nil
	}
	if c.digest, err = declare.NewDigest("app_key", s.Algorithm, s.Encoding, c.AppKey); err != nil {
		return fmt.Errorf("request.sign.algorithm: %w", err)
	}
	switch {
	case s.Algorithm == "md5":
		setDefault(&s.Over, "{sorted}{app_key}")
	case c.Request.Encoding == "json":
		setDefault(&s.Over, "{body}")
	default:
		setDefault(&s.Over, "{sorted}")
	}
	signable := func(name string) bool {
		return asksWith(name) || name == "sorted" || name == "body" || name == "path"
	}
	if c.over, err = declare.Parse(s.Over, signable); err != nil {
		return fmt.Errorf("request.sign.over: %w", err)
	}
	switch {
	case (s.Field == "") == (s.Header == ""):
		return errors.New("request.sign: needs either field or header, to say where the signature goes")
	case s.Field != "" && c.Request.Encoding == "json":
		return errors.New("request.sign.field: there are no fields in json; use header")
	case s.Header != "" && !isHeader(s.Header):
		return fmt.Errorf("request.sign.header: %q is not a header", s.Header)
	}
	c.signed = true
	return nil
}

// classNames are the classes that a table of codes may name.
var classNames = map[string]numberverify.Class{"proof": numberverify.ClassProof, "network": numberverify.ClassNetwork, "caller": numberverify.ClassCaller,
	"quota": numberverify.ClassQuota, "input": numberverify.ClassInput, "carrier": numberverify.ClassCarrier}

func (c *compiled) compileAnswers() error {
	r := c.Response
	switch {
	case r.Code == "":
		return errors.New("response.code: must say where the code is")
	case c.Answers == "match" && (len(r.Match) == 0 || len(r.Mismatch) == 0):
		return errors.New("response.match: must have the codes of a match, and mismatch those of a mismatch")
	case c.Answers == "fetch" && (len(r.OK) == 0 || r.Number == ""):
		return errors.New("response.ok: must have the codes of success, and number the path of the number")
	}
	for _, code := range r.Match {
		if slices.Contains(r.Mismatch, code) {
			return fmt.Errorf("response.mismatch: %q is a match already", code)
		}
	}
	c.exact = map[string]numberverify.Class{}
	for _, code := range slices.Sorted(maps.Keys(r.Codes)) {
		class, ok := classNames[r.Codes[code]]
		if !ok {
			return fmt.Errorf("response.codes.%s: %q is not one of proof, network, caller, quota, input, carrier", code, r.Codes[code])
		}
		if start, ok := strings.CutSuffix(code, "*"); ok {
			c.prefix = append(c.prefix, prefixClass{start, class})
		} else {
			c.exact[code] = class
		}
	}
	slices.SortStableFunc(c.prefix, func(a, b prefixClass) int { return len(b.prefix) - len(a.prefix) })
	return nil
}
