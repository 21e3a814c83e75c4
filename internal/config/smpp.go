package config

import (
	"errors"
	"strings"
	"time"

	"yanma.dev/yanma/internal/provider/smpp"
	"yanma.dev/yanma/internal/provider/trust"
)

func (p *Provider) smppDefaults() {
	if p.Bind == "" {
		p.Bind = string(smpp.BindTransceiver)
	}
	if p.Binds == 0 {
		p.Binds = 1
	}
}

// SMPP is a provider as internal/provider/smpp takes it.
func (p Provider) SMPP() smpp.Config {
	return smpp.Config{Name: p.Name, Addr: p.Address, SystemID: p.SystemID, Password: p.Password.Secret, SystemType: p.SystemType,
		Bind: smpp.Bind(p.Bind), Binds: p.Binds, TLS: p.tls(), Source: p.Source, SourceTON: p.SourceTON, SourceNPI: p.SourceNPI,
		Window: p.Window, RatePerSecond: float64(p.Rate), IDRadix: smpp.IDRadix(p.IDRadix), LongMessage: smpp.LongMessage(p.LongMessage),
		EnquireEvery: p.EnquireEvery.D(), ResponseTimeout: p.ResponseTimeout.D()}
}

func (p Provider) tls() trust.TLS {
	return trust.TLS{Enabled: p.TLS, CAFile: p.CAFile, CertFile: p.CertFile, KeyFile: p.KeyFile, ServerName: p.ServerName}
}

func (p Provider) checkSMPP(at lines, i int) error {
	key := func(name string, err error) error { return at.key(item("provider", i, name), err) }
	for _, err := range []error{
		key("address", hostPort(p.Address)),
		key("system_id", atMost(p.SystemID, 15)),
		key("password", atMost(p.Password.Reveal(), 8)),
		key("system_type", atMost(p.SystemType, 12)),
		key("bind", oneOf(p.Bind, string(smpp.BindTransceiver), string(smpp.BindPair))),
		key("binds", between(p.Binds, 1, 64)),
		key("source", sender(p.Source)),
		key("window", between(p.Window, 1, 10000)),
		key("rate", between(p.Rate, 0, 1000000)),
		key("id_radix", oneOf(p.IDRadix, "auto", "literal", "hex", "decimal")),
		key("long_message", oneOf(p.LongMessage, "udh", "payload")),
		key("enquire_every", durationBetween(p.EnquireEvery, time.Second, time.Hour)),
		key("response_timeout", durationBetween(p.ResponseTimeout, time.Second, 10*time.Minute)),
	} {
		if err != nil {
			return err
		}
	}
	// Each of its errors begins with the key at fault.
	if err := p.tls().Check(); err != nil {
		name, what, _ := strings.Cut(err.Error(), ": ")
		return key(name, errors.New(what))
	}
	return nil
}
