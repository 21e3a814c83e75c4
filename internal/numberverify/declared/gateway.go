package declared

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/declare"
	"yanma.dev/yanma/internal/httpcall"
	"yanma.dev/yanma/internal/numberverify"
)

// Deps are what a gateway needs from its surroundings.
type Deps struct {
	Now    func() time.Time
	Random io.Reader // cryptographic, safe for concurrent use
	// Dial opens connections; nil means plain TCP. TLS is put on top of it.
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	Roots *x509.CertPool // vouch for the server; nil means the system's
}

// Gateway is what its stanza describes.
type Gateway struct {
	c      *compiled
	deps   Deps
	client *httpcall.Client
}

var _ numberverify.Gateway = (*Gateway)(nil)

// New returns a gateway. Errors as Config.Validate.
func New(cfg Config, deps Deps) (*Gateway, error) {
	c, err := compile(cfg)
	if err != nil {
		return nil, err
	}
	return &Gateway{c: c, deps: deps,
		client: httpcall.New(httpcall.Options{Dial: deps.Dial, Roots: deps.Roots, ConnectTimeout: numberverify.ConnectTimeout})}, nil
}

// Name implements numberverify.Gateway.
func (g *Gateway) Name() string { return g.c.Name }

// Close implements numberverify.Gateway.
func (g *Gateway) Close() { g.client.Close() }

// Can implements numberverify.Gateway. A hash can be compared where no other
// form of the number is asked with.
func (g *Gateway) Can(carrier numberverify.Carrier) numberverify.Can {
	if len(g.c.Carriers) > 0 && !slices.Contains(g.c.Carriers, carrier) {
		return numberverify.Can{}
	}
	return numberverify.Can{Match: g.c.Answers == "match", Hash: g.c.Answers == "match" && g.hashOnly(), Fetch: g.c.Answers == "fetch"}
}

func (g *Gateway) hashOnly() bool {
	names := g.c.over.Names()
	for _, t := range g.c.fields {
		names = append(names, t.Names()...)
	}
	for _, t := range g.c.headers {
		names = append(names, t.Names()...)
	}
	g.c.body.Each(func(t declare.Template) { names = append(names, t.Names()...) })
	return slices.Contains(names, "number.sha256") &&
		!slices.ContainsFunc(names, func(n string) bool { return n == "number" || n == "number.digits" || n == "number.national" })
}

// Match implements numberverify.Gateway.
func (g *Gateway) Match(ctx context.Context, q numberverify.Question) (numberverify.Answer, error) {
	v, answer, err := g.ask(ctx, q)
	if err != nil {
		return answer, err
	}
	switch {
	case slices.Contains(g.c.Response.Match, answer.Code):
		answer.Outcome, answer.Counted = numberverify.OutcomeMatch, true
	case slices.Contains(g.c.Response.Mismatch, answer.Code):
		answer.Outcome, answer.Counted = numberverify.OutcomeMismatch, true
	default:
		return numberverify.Answer{}, g.refused(q, answer.Code, declare.At(v, g.c.Response.Text))
	}
	return answer, nil
}

var mobile = regexp.MustCompile(`^(\+?86)?(1[0-9]{10})$`)

// Fetch implements numberverify.Gateway.
func (g *Gateway) Fetch(ctx context.Context, q numberverify.Question) (numberverify.Answer, error) {
	v, answer, err := g.ask(ctx, q)
	if err != nil {
		return answer, err
	}
	if !slices.Contains(g.c.Response.OK, answer.Code) {
		return numberverify.Answer{}, g.refused(q, answer.Code, declare.At(v, g.c.Response.Text))
	}
	number := mobile.FindStringSubmatch(declare.At(v, g.c.Response.Number))
	if number == nil {
		return numberverify.Answer{}, numberverify.ErrUnreadable()
	}
	answer.Outcome, answer.Phone, answer.Counted = numberverify.OutcomeNumber, core.PhoneFromE164("+86"+number[2]), true
	return answer, nil
}

// ask makes the call and reads the code.
func (g *Gateway) ask(ctx context.Context, q numberverify.Question) (any, numberverify.Answer, error) {
	r, err := g.compose(q)
	if err != nil {
		return nil, numberverify.Answer{}, err
	}
	a, err := numberverify.Call(ctx, g.client, r)
	if err != nil {
		return nil, numberverify.Answer{}, err
	}
	v, ok := declare.ParseJSON(a.Body)
	code := declare.At(v, g.c.Response.Code)
	switch {
	case !ok, code == "", numberverify.CleanCode(code) != code, code == q.Token.Reveal():
		return nil, numberverify.Answer{}, numberverify.ErrUnreadable()
	case a.Status >= 500, a.Status >= 300 && g.answers(code): // an error or a redirect never says who it is
		return nil, numberverify.Answer{}, numberverify.ErrUnreadable()
	}
	return v, numberverify.Answer{Code: code, ID: cleanID(declare.At(v, g.c.Response.ID), q.Token.Reveal())}, nil
}

// answers tells whether a code stands for an answer.
func (g *Gateway) answers(code string) bool {
	r := g.c.Response
	return slices.Contains(r.Match, code) || slices.Contains(r.Mismatch, code) || slices.Contains(r.OK, code)
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// cleanID keeps what can be an id, and neither a number nor the proof.
func cleanID(id, proof string) string {
	if !plainID.MatchString(id) || mobile.MatchString(id) || id == proof {
		return ""
	}
	return id
}

// refused is a code that is no answer.
func (g *Gateway) refused(q numberverify.Question, code, own string) *numberverify.Error {
	e := &numberverify.Error{Class: numberverify.ClassCarrier, Code: code, Sent: true,
		Desc: numberverify.Describe(q.Carrier, code, own, q.Token.Reveal(), q.Phone.National(), q.Browser)}
	if class, ok := g.c.exact[code]; ok {
		e.Class = class
		return e
	}
	for _, p := range g.c.prefix {
		if strings.HasPrefix(code, p.prefix) {
			e.Class = p.class
			break
		}
	}
	return e
}

// compose renders the request.
func (g *Gateway) compose(q numberverify.Question) (*http.Request, error) {
	var id [16]byte
	if _, err := io.ReadFull(g.deps.Random, id[:]); err != nil {
		return nil, fmt.Errorf("declared: no random bytes: %w", err)
	}
	value := g.values(q, hex.EncodeToString(id[:]), g.deps.Now())
	form := make(url.Values, len(g.c.fields)+1)
	for name, field := range g.c.fields {
		form.Set(name, field.Render(value))
	}
	target, err := url.Parse(g.c.URL)
	if err != nil {
		return nil, errors.New("declared: the URL can not be called")
	}
	var body []byte
	if g.c.Request.Encoding == "json" {
		if body, err = json.Marshal(g.c.body.Render(value)); err != nil {
			return nil, errors.New("declared: the body can not be written")
		}
	}
	signature := g.sign(form, string(body), target.EscapedPath(), value)
	if g.c.Request.Sign.Field != "" {
		form.Set(g.c.Request.Sign.Field, signature)
	}
	return g.request(target, form, body, signature, value)
}

func (g *Gateway) sign(form url.Values, body, path string, value func(string) string) string {
	if !g.c.signed {
		return ""
	}
	return g.c.digest.Of(g.c.over.Render(func(name string) string {
		switch name {
		case "sorted":
			return declare.Sorted(form, "&")
		case "body":
			if body == "" {
				return form.Encode()
			}
			return body
		case "path":
			return path
		}
		return value(name)
	}))
}

func (g *Gateway) request(target *url.URL, form url.Values, body []byte, signature string, value func(string) string) (*http.Request, error) {
	media := "application/json"
	switch g.c.Request.Encoding {
	case "query":
		query := target.Query()
		maps.Copy(query, form)
		target.RawQuery, media = query.Encode(), ""
	case "form":
		body, media = []byte(form.Encode()), "application/x-www-form-urlencoded"
	}
	var payload io.Reader
	if body != nil {
		payload = bytes.NewReader(body)
	}
	r, err := http.NewRequest(g.c.Request.Method, target.String(), payload) //nolint:noctx // httpcall.Do gives it one
	if err != nil {
		return nil, errors.New("declared: the URL can not be called")
	}
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	for name, header := range g.c.headers {
		text := header.Render(value)
		if strings.ContainsAny(text, "\r\n\x00") {
			return nil, errors.New("declared: a header would have more than one line")
		}
		r.Header.Set(name, text)
	}
	if g.c.Request.Sign.Header != "" {
		r.Header.Set(g.c.Request.Sign.Header, signature)
	}
	return r, nil
}

var beijing = time.FixedZone("UTC+8", 8*60*60)

// stamp is 17 digits of Beijing's time.
func stamp(t time.Time) string {
	return strings.ReplaceAll(t.In(beijing).Format("20060102150405.000"), ".", "")
}

// values are what the names stand for in one request.
func (g *Gateway) values(q numberverify.Question, id string, now time.Time) func(string) string {
	return func(name string) string {
		switch name {
		case "token":
			return q.Token.Reveal()
		case "number":
			return q.Phone.E164()
		case "number.digits":
			return strings.TrimPrefix(q.Phone.E164(), "+")
		case "number.national":
			return q.Phone.National()
		case "number.sha256":
			sum := q.Hash
			if !q.Phone.IsZero() {
				sum = sha256.Sum256([]byte(q.Phone.E164()))
			}
			return hex.EncodeToString(sum[:])
		case "carrier":
			return strconv.Itoa(int(q.Carrier))
		case "browser":
			return q.Browser
		case "auth":
			return q.Auth
		case "id":
			return id
		case "time":
			return strconv.FormatInt(now.Unix(), 10)
		case "time_ms":
			return strconv.FormatInt(now.UnixMilli(), 10)
		case "time_beijing":
			return stamp(now)
		case "app_id":
			return g.c.AppID
		case "app_key":
			return g.c.AppKey.Reveal()
		case "app_secret":
			return g.c.AppSecret.Reveal()
		}
		return ""
	}
}
