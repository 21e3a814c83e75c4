package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/numberverify/camaraup"
	"yanma.dev/yanma/internal/numberverify/chinamobile"
	"yanma.dev/yanma/internal/numberverify/declared"
	"yanma.dev/yanma/internal/numberverify/operatorapi"
	"yanma.dev/yanma/internal/numberverify/simswap"
)

// Carrier is one gateway behind number verification (docs/numberverify.md).
type Carrier struct {
	Name     string       `toml:"name"`
	Type     string       `toml:"type"`     // chinamobile, camara or http
	URL      string       `toml:"url"`      // default: chinamobile's own; the others need one
	Carriers []string     `toml:"carriers"` // whose proofs it takes: mobile, unicom, telecom; default all
	Apps     []core.AppID `toml:"apps"`     // that may use it; default all
	Egress   string       `toml:"egress"`   // our own address to call from; carriers register it

	// Of chinamobile and http.
	AppID     string `toml:"app_id"`
	AppKey    Secret `toml:"app_key"`    // chinamobile: compares; http: {app_key}
	AppSecret Secret `toml:"app_secret"` // chinamobile: tells numbers; http: {app_secret}
	Strict    bool   `toml:"strict"`     // chinamobile: the proof's address must be the device's

	// Of camara: an operator and us as its client (contracts/carriers.md §6).
	TokenURL string `toml:"token_url"`
	Audience string `toml:"audience"`  // aud of our assertions; default token_url
	ClientID string `toml:"client_id"` // ours
	Key      Secret `toml:"key"`       // our private key, PEM (PKCS #8)
	KeyID    string `toml:"key_id"`    // kid; default the key's thumbprint
	Purpose  string `toml:"purpose"`   // such as dpv:FraudPreventionAndDetection

	// Of http: an interface that the stanza describes.
	Answers  string            `toml:"answers"` // match or fetch; default match
	Request  declared.Request  `toml:"request"`
	Response declared.Response `toml:"response"`

	Device Device `toml:"device"` // how a browser gets a proof; none: it is not offered to browsers
}

// Device is how a phone's browser gets a proof from a carrier
// (contracts/submail.md §9).
type Device struct {
	Mode     string            `toml:"mode"`   // direct, relay or sim
	Method   string            `toml:"method"` // GET or POST; default GET
	URL      string            `toml:"url"`
	Encoding string            `toml:"encoding"` // of a POST: form or json; default form
	Params   map[string]string `toml:"params"`   // templates: {id}, {time}, {time_ms}, {time_beijing}, {carrier}, {app_id}
	Sign     declared.Sign     `toml:"sign"`     // of the parameters, anew for each session; over may have {sorted}, {app_key}, {app_secret} too
	Token    string            `toml:"token"`    // relay: where in the gateway's JSON the proof is, such as data.token
}

// Page is what a browser sends to the carrier, as
// internal/numberverify/declared takes it.
func (c Carrier) Page() declared.Page {
	return declared.Page{AppID: c.AppID, AppKey: c.AppKey.Secret, AppSecret: c.AppSecret.Secret, Params: c.Device.Params, Sign: c.Device.Sign}
}

// Numbers is what holds for all carriers.
type Numbers struct {
	TimeLimit   Duration `toml:"time_limit"`   // of one question; default 5s
	MobileLife  Duration `toml:"mobile_life"`  // of a proof that our script reported; default 120s
	UnicomLife  Duration `toml:"unicom_life"`  // default 1800s
	TelecomLife Duration `toml:"telecom_life"` // default 600s
}

func defaultNumbers() Numbers {
	lives := numberverify.DefaultLives()
	return Numbers{TimeLimit: Duration(numberverify.DefaultLimit), MobileLife: Duration(lives[numberverify.CarrierMobile]),
		UnicomLife: Duration(lives[numberverify.CarrierUnicom]), TelecomLife: Duration(lives[numberverify.CarrierTelecom])}
}

// Lives are the lives of proofs by carrier.
func (n Numbers) Lives() map[numberverify.Carrier]time.Duration {
	return map[numberverify.Carrier]time.Duration{numberverify.CarrierMobile: n.MobileLife.D(), numberverify.CarrierUnicom: n.UnicomLife.D(),
		numberverify.CarrierTelecom: n.TelecomLife.D()}
}

// Whose gives the carriers that the gateway serves.
func (c Carrier) Whose() []numberverify.Carrier {
	var all []numberverify.Carrier
	for _, name := range c.Carriers {
		if carrier, ok := numberverify.CarrierNamed(name); ok {
			all = append(all, carrier)
		}
	}
	if all == nil {
		return []numberverify.Carrier{numberverify.CarrierMobile, numberverify.CarrierUnicom, numberverify.CarrierTelecom}
	}
	return all
}

// ChinaMobile is a gateway as internal/numberverify/chinamobile takes it.
func (c Carrier) ChinaMobile() chinamobile.Config {
	return chinamobile.Config{Name: c.Name, URL: c.URL, Carriers: c.Whose(), AppID: c.AppID, AppKey: c.AppKey.Secret,
		AppSecret: c.AppSecret.Secret, Strict: c.Strict}
}

// Camara is a gateway as internal/numberverify/camaraup takes it.
func (c Carrier) Camara() camaraup.Config {
	return camaraup.Config{Name: c.Name, Carriers: c.Whose(), Operator: operatorapi.Config{URL: c.URL, TokenURL: c.TokenURL, Audience: c.Audience,
		ClientID: c.ClientID, Key: c.Key.Secret, KeyID: c.KeyID, Purpose: c.Purpose}}
}

// Declared is a gateway as internal/numberverify/declared takes it.
func (c Carrier) Declared() declared.Config {
	return declared.Config{Name: c.Name, URL: c.URL, Carriers: c.Whose(), Answers: c.Answers, AppID: c.AppID, AppKey: c.AppKey.Secret,
		AppSecret: c.AppSecret.Secret, Request: c.Request, Response: c.Response}
}

// validate is the check of the gateway's own package.
func (c Carrier) validate() error {
	switch c.Type {
	case "chinamobile":
		return c.ChinaMobile().Validate()
	case "camara":
		return c.Camara().Operator.Validate()
	case "http":
		return c.Declared().Validate()
	default:
		return nil
	}
}

// carrierKeys are the keys of a gateway; each type has those of "" too.
var carrierKeys = map[string][]string{
	"":            {"name", "type", "url", "carriers", "apps", "egress", "device"},
	"camara":      {"token_url", "audience", "client_id", "key", "key_id", "purpose"},
	"http":        {"app_id", "app_key", "app_secret", "answers", "request", "response"},
	"chinamobile": {"app_id", "app_key", "app_secret", "strict"},
}

func carrierTypes() []string { return []string{"chinamobile", "camara", "http"} }

func (c *Config) checkCarriers(at lines) error {
	names := map[string]bool{}
	for i, carrier := range c.Carriers {
		if err := carrier.check(at, i, names); err != nil {
			return err
		}
	}
	lives := func(key string, v Duration) error {
		return at.key("numbers."+key, durationBetween(v, time.Second, time.Hour))
	}
	return cmp.Or(at.key("numbers.time_limit", durationBetween(c.Numbers.TimeLimit, 100*time.Millisecond, time.Minute)),
		lives("mobile_life", c.Numbers.MobileLife), lives("unicom_life", c.Numbers.UnicomLife), lives("telecom_life", c.Numbers.TelecomLife))
}

func (c Carrier) check(at lines, i int, seen map[string]bool) error {
	key := func(name string, err error) error { return at.key(item("carrier", i, name), err) }
	for _, err := range []error{
		key("name", c.checkName(seen)),
		key("type", oneOf(c.Type, carrierTypes()...)),
		c.checkKeys(at, i),
		key("carriers", c.checkWhose()),
		key("egress", ownAddress(c.Egress)),
		c.Device.check(key),
	} {
		if err != nil {
			return err
		}
	}
	if err := cmp.Or(c.validate(), c.Page().Validate()); err != nil {
		name, what, _ := strings.Cut(err.Error(), ": ")
		return key(name, errors.New(what))
	}
	return nil
}

func (c Carrier) checkName(seen map[string]bool) error {
	switch {
	case c.Name == "":
		return errors.New("a carrier's gateway needs a name")
	case len(c.Name) > 64:
		return errors.New("at most 64 characters")
	case seen[c.Name]:
		return fmt.Errorf("two gateways are called %q", c.Name)
	}
	seen[c.Name] = true
	return nil
}

func (c Carrier) checkWhose() error {
	for i, name := range c.Carriers {
		if _, ok := numberverify.CarrierNamed(name); !ok {
			return fmt.Errorf("%q is not one of mobile, unicom, telecom", name)
		}
		if slices.Contains(c.Carriers[:i], name) {
			return fmt.Errorf("%s stands there twice", name)
		}
	}
	return nil
}

// checkKeys finds the first key that is another type's.
func (c Carrier) checkKeys(at lines, i int) error {
	table, first := item("carrier", i, ""), ""
	for key := range at {
		name, ok := strings.CutPrefix(key, table)
		name, _, _ = strings.Cut(name, ".")
		if !ok || slices.Contains(carrierKeys[""], name) || slices.Contains(carrierKeys[c.Type], name) {
			continue
		}
		if first == "" || at[key] < at[first] || at[key] == at[first] && key < first {
			first = key
		}
	}
	if first == "" {
		return nil
	}
	return at.key(first, fmt.Errorf("is no key of a gateway of type %s", c.Type))
}

func (d Device) check(key func(string, error) error) error {
	if d.Mode == "" && d.URL == "" && len(d.Params) == 0 {
		return nil
	}
	var where error
	if d.URL == "" {
		where = errors.New("must not be empty")
	}
	for _, err := range []error{
		key("device.mode", oneOf(d.Mode, numberverify.ModeDirect, numberverify.ModeRelay, numberverify.ModeSim)),
		key("device.method", oneOf(d.Method, "", "GET", "POST")),
		key("device.encoding", oneOf(d.Encoding, "", "form", "json")),
		key("device.url", where),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func ownAddress(s string) error {
	if s == "" {
		return nil
	}
	if _, err := netip.ParseAddr(s); err != nil {
		return errors.New("not an IP address")
	}
	return nil
}

// SIMSwap is the operator who is asked whether a number's SIM was changed lately
// (contracts/camara.md §6). Without url nobody is asked, and what apps require
// to know is refused.
type SIMSwap struct {
	URL      string   `toml:"url"` // base of its APIs
	TokenURL string   `toml:"token_url"`
	Audience string   `toml:"audience"`  // aud of our assertions; default token_url
	ClientID string   `toml:"client_id"` // ours
	Key      Secret   `toml:"key"`       // our private key, PEM (PKCS #8)
	KeyID    string   `toml:"key_id"`    // kid; default the key's thumbprint
	Purpose  string   `toml:"purpose"`   // such as dpv:FraudPreventionAndDetection
	Egress   string   `toml:"egress"`    // our own address to call from
	Dates    bool     `toml:"dates"`     // ask for the date of the change
	Largest  int      `toml:"largest"`   // hours: the longest age that it takes; 0 = not known
	Timeout  Duration `toml:"timeout"`   // of one question; default 1s
}

// Client is the operator as internal/numberverify/simswap takes it.
func (s SIMSwap) Client() simswap.Config {
	return simswap.Config{Operator: operatorapi.Config{URL: s.URL, TokenURL: s.TokenURL, Audience: s.Audience, ClientID: s.ClientID, Key: s.Key.Secret,
		KeyID: s.KeyID, Purpose: s.Purpose}, Dates: s.Dates, Largest: s.Largest, Timeout: s.Timeout.D()}
}

func (s SIMSwap) check(at lines) error {
	if s == (SIMSwap{}) {
		return nil
	}
	for _, err := range []error{
		at.key("sim_swap.egress", ownAddress(s.Egress)),
		at.key("sim_swap.largest", between(s.Largest, 0, 2400)),
		at.key("sim_swap.timeout", zeroOr(s.Timeout, 50*time.Millisecond, 10*time.Second)),
	} {
		if err != nil {
			return err
		}
	}
	if err := s.Client().Operator.Validate(); err != nil {
		name, what, _ := strings.Cut(err.Error(), ": ")
		return at.key("sim_swap."+name, errors.New(what))
	}
	return nil
}

// carrierSecrets names the secrets of gateways and of the operator of SIM swap.
func (c *Config) carrierSecrets(into map[string]*Secret) {
	for i := range c.Carriers {
		into[item("carrier", i, "app_key")] = &c.Carriers[i].AppKey
		into[item("carrier", i, "app_secret")] = &c.Carriers[i].AppSecret
		into[item("carrier", i, "key")] = &c.Carriers[i].Key
	}
	into["sim_swap.key"] = &c.SIMSwap.Key
}
