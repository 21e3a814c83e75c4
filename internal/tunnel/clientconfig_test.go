package tunnel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/core"
)

// sample is the example of contracts/yunbox.md §8.
func sample() ClientConfig {
	return ClientConfig{
		DeviceID:     "dv00041061050r3gg28a1c60t3gf",
		PrivateKey:   core.NewSecret("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8="),
		Addresses:    []netip.Prefix{netip.MustParsePrefix("10.77.0.2/32"), netip.MustParsePrefix("fd77:7961:6e6d:61::2/128")},
		DNS:          []netip.Addr{netip.MustParseAddr("10.77.0.1")},
		MTU:          1420,
		PublicKey:    "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8=",
		PresharedKey: core.NewSecret("3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8="),
		AllowedIPs:   []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
		Endpoint:     "vpn.example.com:51820",
		Keepalive:    25,
	}
}

const sampleText = `[Interface]
PrivateKey = AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8=
Address = 10.77.0.2/32, fd77:7961:6e6d:61::2/128
DNS = 10.77.0.1
MTU = 1420

[Peer]
PublicKey = j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8=
PresharedKey = 3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8=
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = vpn.example.com:51820
PersistentKeepalive = 25
`

const sampleJSON = `{
  "status": "ok",
  "device_id": "dv00041061050r3gg28a1c60t3gf",
  "type": "wireguard",
  "interface": {
    "private_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8=",
    "addresses": ["10.77.0.2/32", "fd77:7961:6e6d:61::2/128"],
    "dns": ["10.77.0.1"],
    "mtu": 1420
  },
  "peers": [
    {
      "public_key": "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8=",
      "preshared_key": "3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8=",
      "allowed_ips": ["0.0.0.0/0", "::/0"],
      "endpoint": "vpn.example.com:51820",
      "persistent_keepalive": 25
    }
  ]
}`

func TestWGQuick(t *testing.T) {
	forgottenKey := sample()
	forgottenKey.PrivateKey = core.Secret{}
	bare := sample()
	bare.DNS, bare.MTU, bare.PresharedKey, bare.Keepalive = nil, 0, core.Secret{}, 0
	for name, test := range map[string]struct {
		config ClientConfig
		want   string
	}{
		"the contract's example": {sample(), sampleText},
		"forgotten key": {forgottenKey, strings.Replace(sampleText,
			"PrivateKey = AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8=", "# PrivateKey was handed out before", 1)},
		"lines without value": {bare, `[Interface]
PrivateKey = AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8=
Address = 10.77.0.2/32, fd77:7961:6e6d:61::2/128

[Peer]
PublicKey = j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8=
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = vpn.example.com:51820
`},
	} {
		if got := string(test.config.WGQuick()); got != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

func TestJSON(t *testing.T) {
	forgottenKey := sample()
	forgottenKey.PrivateKey = core.Secret{}
	bare := sample()
	bare.DNS, bare.MTU, bare.PresharedKey, bare.Keepalive = nil, 0, core.Secret{}, 0
	for name, test := range map[string]struct {
		config ClientConfig
		want   string
	}{
		"the contract's example": {sample(), sampleJSON},
		"forgotten key":          {forgottenKey, strings.Replace(sampleJSON, `"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8="`, "null", 1)},
		"members without value": {bare, `{"status":"ok","device_id":"dv00041061050r3gg28a1c60t3gf","type":"wireguard",
			"interface":{"private_key":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHl8=","addresses":["10.77.0.2/32","fd77:7961:6e6d:61::2/128"]},
			"peers":[{"public_key":"j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8=","allowed_ips":["0.0.0.0/0","::/0"],"endpoint":"vpn.example.com:51820"}]}`},
	} {
		got, err := test.config.JSON()
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, []byte(test.want)); err != nil {
			t.Fatal(err)
		}
		if string(got) != want.String() {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want.String())
		}
	}
}

// A configuration that ends up in a log shows no key.
func TestReq14_ConfigurationMasksItself(t *testing.T) {
	asJSON, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %x", sample(), sample(), sample(), sample()), string(asJSON)} {
		if strings.Contains(text, "AAECAwQF") || strings.Contains(text, "3q2+796t") {
			t.Errorf("a key shows: %s", text)
		}
	}
}
