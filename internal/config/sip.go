package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/provider/sip"
)

// sipOwn are the keys that only a SIP trunk has; sipShared those that others
// have too.
var (
	sipOwn    = []string{"transport", "listen", "media_address", "media_ports", "domain", "format", "ring_timeout"}
	sipShared = []string{"name", "type", "address", "account", "password", "source", "window", "rate", "enquire_every", "response_timeout"}
)

func (p Provider) isSIPKey(name string) bool {
	return slices.Contains(sipOwn, name) || slices.Contains(sipShared, name)
}

func (p *Provider) sipDefaults() {
	if p.Transport == "" {
		p.Transport = "udp"
	}
	if p.Format == "" {
		p.Format = string(sip.FormatPlus)
	}
	if p.RingTimeout == 0 {
		p.RingTimeout = Duration(45 * time.Second)
	}
}

// SIP is a provider as internal/provider/sip takes it.
func (p Provider) SIP() sip.Config {
	ports, _ := portRange(p.MediaPorts) // checked before
	return sip.Config{Name: p.Name, Addr: p.Address, Transport: p.Transport, Listen: p.Listen, MediaIP: p.MediaAddress, Ports: ports,
		Account: p.Account, Password: p.Password.Secret, Domain: p.Domain, Source: p.Source, Format: sip.Format(p.Format), Window: p.Window,
		Rate: float64(p.Rate), Ring: p.RingTimeout.D(), Response: p.ResponseTimeout.D(), Probe: p.EnquireEvery.D()}
}

// checkSIP is sip.Config.Validate's, with lines: each of its errors begins with
// the key at fault.
func (p Provider) checkSIP(at lines, i int) error {
	key := func(name string, err error) error { return at.key(item("provider", i, name), err) }
	_, ports := portRange(p.MediaPorts)
	for _, err := range []error{
		key("window", between(p.Window, 1, 10000)),
		key("rate", between(p.Rate, 0, 1000000)),
		key("ring_timeout", durationBetween(p.RingTimeout, 5*time.Second, 3*time.Minute)),
		key("enquire_every", durationBetween(p.EnquireEvery, time.Second, time.Hour)),
		key("response_timeout", durationBetween(p.ResponseTimeout, time.Second, 30*time.Second)),
		key("media_ports", ports),
	} {
		if err != nil {
			return err
		}
	}
	if err := p.SIP().Validate(); err != nil {
		name, what, _ := strings.Cut(err.Error(), ": ")
		return key(name, errors.New(what))
	}
	return nil
}

// portRange reads "16384-16483"; "" is no range.
func portRange(s string) (ports [2]uint16, err error) {
	if s == "" {
		return ports, nil
	}
	first, last, found := strings.Cut(s, "-")
	for i, text := range []string{first, last} {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || !found || n < 1024 {
			return [2]uint16{}, fmt.Errorf("%q is no range of ports from 1024 on, such as 16384-16483", s)
		}
		ports[i] = uint16(n)
	}
	return ports, nil
}
