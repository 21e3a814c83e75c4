package chinamobile

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/httpcall"
	"yanma.dev/yanma/internal/numberverify"
)

// DefaultURL is where China Mobile answers; https://onekey2.cmpassport.com is
// its other host.
const DefaultURL = "https://www.cmpassport.com"

// The paths below the URL.
const (
	matchPath = "/openapi/rs/tokenValidate"
	fetchPath = "/unisdk/rsapi/loginTokenValidate"
)

// Config is one gateway.
type Config struct {
	Name      string
	URL       string                 // without the path [DefaultURL]
	Carriers  []numberverify.Carrier // whose proofs it takes [all three]
	AppID     string
	AppKey    core.Secret // of tokenValidate; none: it can not compare
	AppSecret core.Secret // of loginTokenValidate; none: it can not tell numbers
	Strict    bool        // the fetch: the proof's address must be the device's (strictcheck)
}

// Validate finds the first mistake; its error begins with the key at fault, as
// the configuration file writes it.
func (c Config) Validate() error {
	u, err := url.Parse(c.withDefaults().URL)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.User != nil, u.RawQuery != "", u.Fragment != "":
		return errors.New("url: not an http or https URL with a host and perhaps a path")
	case c.AppID == "":
		return errors.New("app_id: must be set for this type")
	case c.AppKey.IsZero() && c.AppSecret.IsZero():
		return errors.New("app_key: must be set, or app_secret, or both")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.URL == "" {
		c.URL = DefaultURL
	}
	c.URL = strings.TrimSuffix(c.URL, "/")
	if len(c.Carriers) == 0 {
		c.Carriers = []numberverify.Carrier{numberverify.CarrierMobile, numberverify.CarrierUnicom, numberverify.CarrierTelecom}
	}
	return c
}

// Deps are what a gateway needs from its surroundings.
type Deps struct {
	Now    func() time.Time
	Random io.Reader // cryptographic, safe for concurrent use
	// Dial opens connections; nil means plain TCP. TLS is put on top of it.
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	Roots *x509.CertPool // vouch for the server; nil means the system's
}

// Gateway is China Mobile's.
type Gateway struct {
	cfg    Config
	deps   Deps
	client *httpcall.Client
}

var _ numberverify.Gateway = (*Gateway)(nil)

// New returns a gateway. Errors as Config.Validate.
func New(cfg Config, deps Deps) (*Gateway, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Gateway{cfg: cfg.withDefaults(), deps: deps,
		client: httpcall.New(httpcall.Options{Dial: deps.Dial, Roots: deps.Roots, ConnectTimeout: numberverify.ConnectTimeout})}, nil
}

// Name implements numberverify.Gateway.
func (g *Gateway) Name() string { return g.cfg.Name }

// Close implements numberverify.Gateway.
func (g *Gateway) Close() { g.client.Close() }

// Can implements numberverify.Gateway. A hash of a number can not be compared:
// the wire wants one made with the app's key.
func (g *Gateway) Can(c numberverify.Carrier) numberverify.Can {
	if !slices.Contains(g.cfg.Carriers, c) {
		return numberverify.Can{}
	}
	return numberverify.Can{Match: !g.cfg.AppKey.IsZero(), Fetch: !g.cfg.AppSecret.IsZero()}
}

// matchAnswer is contracts/carriers.md §2.
type matchAnswer struct {
	Header struct {
		MsgID      string `json:"msgId"`
		ResultCode string `json:"resultCode"`
	} `json:"header"`
	Body struct {
		ResultDesc string `json:"resultDesc"`
	} `json:"body"`
}

// Match implements numberverify.Gateway with tokenValidate.
func (g *Gateway) Match(ctx context.Context, q numberverify.Question) (numberverify.Answer, error) {
	id, err := g.messageID()
	if err != nil {
		return numberverify.Answer{}, err
	}
	var a matchAnswer
	if err := g.post(ctx, matchPath, appendMatch(make([]byte, 0, 640+len(q.Token.Reveal())), g.cfg, q, id, stamp(g.deps.Now())), &a); err != nil {
		return numberverify.Answer{}, err
	}
	if a.Header.MsgID != id {
		return numberverify.Answer{}, numberverify.ErrUnreadable()
	}
	answer := numberverify.Answer{Code: a.Header.ResultCode, ID: id, Counted: true}
	switch a.Header.ResultCode {
	case "000":
		answer.Outcome = numberverify.OutcomeMatch
	case "001":
		answer.Outcome = numberverify.OutcomeMismatch
	default:
		return numberverify.Answer{}, g.refused(q, a.Header.ResultCode, a.Body.ResultDesc)
	}
	return answer, nil
}

// fetchAnswer is contracts/carriers.md §3.
type fetchAnswer struct {
	InResponseTo string `json:"inresponseto"`
	ResultCode   string `json:"resultCode"`
	MSISDN       string `json:"msisdn"`
	ResultDesc   string `json:"resultDesc"`
}

// Fetch implements numberverify.Gateway with loginTokenValidate.
func (g *Gateway) Fetch(ctx context.Context, q numberverify.Question) (numberverify.Answer, error) {
	id, err := g.messageID()
	if err != nil {
		return numberverify.Answer{}, err
	}
	body, err := json.Marshal(fetchRequest(g.cfg, q, id, stamp(g.deps.Now())))
	if err != nil {
		return numberverify.Answer{}, fmt.Errorf("chinamobile: %w", err)
	}
	var a fetchAnswer
	if err := g.post(ctx, fetchPath, body, &a); err != nil {
		return numberverify.Answer{}, err
	}
	switch {
	case a.InResponseTo != id:
		return numberverify.Answer{}, numberverify.ErrUnreadable()
	case a.ResultCode != "103000":
		return numberverify.Answer{}, g.refused(q, a.ResultCode, a.ResultDesc)
	case len(a.MSISDN) != 11 || strings.Trim(a.MSISDN, "0123456789") != "" || a.MSISDN[0] != '1':
		return numberverify.Answer{}, numberverify.ErrUnreadable()
	}
	return numberverify.Answer{Outcome: numberverify.OutcomeNumber, Phone: core.PhoneFromE164("+86" + a.MSISDN), Code: a.ResultCode, ID: id, Counted: true}, nil
}

// post sends one JSON body and reads one JSON answer.
func (g *Gateway) post(ctx context.Context, path string, body []byte, answer any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.cfg.URL+path, bytes.NewReader(body))
	if err != nil {
		return errors.New("chinamobile: the URL can not be called")
	}
	r.Header.Set("Content-Type", "application/json;charset=UTF-8")
	a, err := numberverify.Call(ctx, g.client, r)
	if err != nil {
		return err
	}
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, answer) != nil {
		return numberverify.ErrUnreadable()
	}
	return nil
}

// messageID is a UUID without hyphens.
func (g *Gateway) messageID() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(g.deps.Random, b[:]); err != nil {
		return "", fmt.Errorf("chinamobile: no random bytes: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return hex.EncodeToString(b[:]), nil
}

// refused is a result code that is no answer.
func (g *Gateway) refused(q numberverify.Question, code, own string) *numberverify.Error {
	if code == "" || numberverify.CleanCode(code) != code {
		return numberverify.ErrUnreadable()
	}
	desc := numberverify.Describe(numberverify.CarrierMobile, code, own, q.Token.Reveal(), q.Phone.National(), q.Browser)
	return &numberverify.Error{Class: classes[code], Code: code, Desc: desc, Sent: true}
}

// classes are contracts/carriers.md §1 to §3; a code that is not there is the
// carrier's failure.
var classes = map[string]numberverify.Class{
	"003": numberverify.ClassProof, "606": numberverify.ClassProof,
	"004": numberverify.ClassInput, "102": numberverify.ClassInput, "303": numberverify.ClassInput,
	"124": numberverify.ClassCaller, "302": numberverify.ClassCaller, "103420": numberverify.ClassCaller,
	"102315": numberverify.ClassQuota,

	"103101": numberverify.ClassCaller, "103119": numberverify.ClassCaller, "103511": numberverify.ClassCaller,
	"105019": numberverify.ClassCaller, "110023": numberverify.ClassCaller, "110024": numberverify.ClassCaller,
	"110025": numberverify.ClassCaller,
	"103113": numberverify.ClassProof, "103811": numberverify.ClassProof, "103902": numberverify.ClassProof,
	"103911": numberverify.ClassProof, "104201": numberverify.ClassProof, "105018": numberverify.ClassProof,
	"103111": numberverify.ClassNetwork, "103609": numberverify.ClassNetwork,
	"105312": numberverify.ClassQuota,
	"105112": numberverify.ClassInput, "130010": numberverify.ClassInput,
}
