package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/numberverify/chinamobile"
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

	Device Device `toml:"device"` // how a browser gets a proof; none: it is not offered to browsers
}

// Device is how a phone's browser gets a proof from a carrier
// (contracts/submail.md §9).
type Device struct {
	Mode   string            `toml:"mode"`   // direct, relay or sim
	Method string            `toml:"method"` // GET or POST; default GET
	URL    string            `toml:"url"`
	Params map[string]string `toml:"params"` // as they stand
	Token  string            `toml:"token"`  // relay: where in the gateway's JSON the proof is, such as data.token
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

// validate is the check of the gateway's own package.
func (c Carrier) validate() error {
	switch c.Type {
	case "chinamobile":
		return c.ChinaMobile().Validate()
	default:
		return nil
	}
}

// carrierKeys are the keys of a gateway; each type has those of "" too.
var carrierKeys = map[string][]string{
	"":            {"name", "type", "url", "carriers", "apps", "egress", "device"},
	"chinamobile": {"app_id", "app_key", "app_secret", "strict"},
}

func carrierTypes() []string { return []string{"chinamobile"} }

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
	return errors.Join(at.key("numbers.time_limit", durationBetween(c.Numbers.TimeLimit, 100*time.Millisecond, time.Minute)),
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
	if err := c.validate(); err != nil {
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
