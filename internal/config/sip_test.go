package config

import (
	"os"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/sip"
)

const sipStanza = `
[operator]
token = "env:YANMA_OPERATOR_TOKEN"
[[provider]]
name = "voice"
type = "sip"
address = "sip.example.net:5060"
account = "yanma"
password = "env:YANMA_SIP_PASSWORD"
source = "4008001234"
`

func TestSIPStanza(t *testing.T) {
	c, err := Parse([]byte(sipStanza+"media_ports = \"16384-16483\"\nwindow = 20\nrate = 3\nformat = \"national\"\n"), environment, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	same(t, c.Providers[0].SIP(), sip.Config{Name: "voice", Addr: "sip.example.net:5060", Transport: "udp", Account: "yanma",
		Password: core.NewSecret("secret of the trunk"), Source: "4008001234", Format: sip.FormatNational, Ports: [2]uint16{16384, 16483},
		Window: 20, Rate: 3, Ring: 45 * time.Second, Response: 10 * time.Second, Probe: 30 * time.Second})
}

// TestSIPStanzaErrors: each one names the file's line and the key.
func TestSIPStanzaErrors(t *testing.T) {
	for line, want := range map[string]string{
		`transport = "tls"`:                  `line 11: provider.transport: "tls" is not one of udp, tcp`,
		`listen = "0.0.0.0:5060"`:            "line 11: provider.listen: want an address of this machine",
		`listen = "host"`:                    "line 11: provider.listen: want an address of this machine",
		`media_address = "here"`:             "line 11: provider.media_address: want an IP address",
		`media_ports = "9000"`:               `line 11: provider.media_ports: "9000" is no range of ports`,
		`media_ports = "80-90"`:              `line 11: provider.media_ports: "80-90" is no range of ports`,
		`media_ports = "9000-9003"`:          "line 11: provider.media_ports: fewer ports than calls at a time",
		`media_ports = "9003-9000"`:          "line 11: provider.media_ports: the first one is above the last one",
		`format = "e164"`:                    `line 11: provider.format: "e164" is not one of plus, digits, national`,
		`domain = "a b"`:                     "line 11: provider.domain: a host name or an address",
		`ring_timeout = "1s"`:                "line 11: provider.ring_timeout: 1s is not between 5s and 3m",
		`response_timeout = "1m"`:            "line 11: provider.response_timeout: 1m is not between 1s and 30s",
		`window = -1`:                        "line 11: provider.window: -1 is not between 1 and 10000",
		`rate = -1`:                          "line 11: provider.rate: -1 is not between 0 and 1000000",
		`system_id = "x"`:                    "line 11: provider.system_id: is no key of a provider of type sip",
		`templates = { a = { code = "b" } }`: "line 11: provider.templates",
		`ring = "5s"`:                        "line 11: provider.ring: unknown key",
	} {
		_, err := Parse([]byte(sipStanza+line+"\n"), environment, os.ReadFile)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
	smpp := strings.Replace(sipStanza, `type = "sip"`, `type = "smpp"`, 1)
	_, err := Parse([]byte(strings.Replace(smpp, "account", "ring_timeout", 1)), environment, os.ReadFile)
	if err == nil {
		t.Error("SMPP has a ring_timeout")
	}
}
