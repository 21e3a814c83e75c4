package config

import (
	"errors"
	"slices"
	"strings"
	"time"

	"yanma.dev/yanma/internal/provider/cmpp"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
)

// cmppOwn are the keys that only CMPP has; cmppShared those that SMPP has too.
var (
	cmppOwn    = []string{"sp_id", "version", "service_id", "charset", "trust_gateway", "links"}
	cmppShared = []string{"name", "type", "address", "password", "source", "window", "rate", "enquire_every", "response_timeout"}
)

func (p Provider) isCMPPKey(name string) bool {
	return slices.Contains(cmppOwn, name) || slices.Contains(cmppShared, name)
}

func (p *Provider) cmppDefaults() {
	if p.Window == 0 {
		p.Window = 16 // contracts/delivery.md §3.5
	}
	if p.Links == 0 {
		p.Links = 1 // contracts/delivery.md §3.5: one link an account unless configured
	}
	if p.Version == "" {
		p.Version = pdu.V20.String()
	}
	if p.Charset == "" {
		p.Charset = string(cmpp.CharsetUCS2)
	}
}

// CMPP is a provider as internal/provider/cmpp takes it.
func (p Provider) CMPP() cmpp.Config {
	version := pdu.V20
	if p.Version == pdu.V30.String() {
		version = pdu.V30
	}
	return cmpp.Config{Name: p.Name, Addr: p.Address, SPID: p.SPID, Secret: p.Password.Secret, Version: version, ServiceID: p.ServiceID,
		Source: p.Source, Charset: cmpp.Charset(p.Charset), TrustGateway: p.TrustGateway, Links: p.Links, Window: p.Window, RatePerSecond: float64(p.Rate),
		TestEvery: p.EnquireEvery.D(), ResponseTimeout: p.ResponseTimeout.D()}
}

func (p Provider) checkCMPP(at lines, i int) error {
	key := func(name string, err error) error { return at.key(item("provider", i, name), err) }
	for _, err := range []error{
		key("address", hostPort(p.Address)),
		key("sp_id", spID(p.SPID)),
		key("version", oneOf(p.Version, pdu.V20.String(), pdu.V30.String())),
		key("service_id", atMost(p.ServiceID, 10)),
		key("source", accessNumber(p.Source)),
		key("charset", oneOf(p.Charset, string(cmpp.CharsetUCS2), string(cmpp.CharsetGBK), string(cmpp.CharsetASCII))),
		key("links", between(p.Links, 1, 64)),
		key("window", between(p.Window, 1, 10000)),
		key("rate", between(p.Rate, 0, 1000000)),
		key("enquire_every", durationBetween(p.EnquireEvery, time.Second, time.Hour)),
		key("response_timeout", durationBetween(p.ResponseTimeout, time.Second, 10*time.Minute)),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// spID is contracts/delivery.md §4: one that is longer does not fit Source_Addr.
func spID(s string) error {
	if s == "" {
		return errors.New("must not be empty")
	}
	return atMost(s, pdu.SPIDLen)
}

func accessNumber(s string) error {
	if strings.Trim(s, "0123456789") != "" {
		return errors.New("an access number has digits only")
	}
	return atMost(s, 21)
}
