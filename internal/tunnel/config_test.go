package tunnel

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
)

const gatewayKey = "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8="

func webhookConfig(url string) Config {
	c := DefaultConfig()
	c.Provisioner = ProvisionerWebhook
	c.Endpoint = "vpn.example.com:51820"
	c.GatewayPublicKey = gatewayKey
	c.Webhook = Webhook{URL: url, Secret: core.NewSecret("a secret of the test"), Timeout: 5 * time.Second}
	return c
}

func TestDefaultsFitTheDeviceCap(t *testing.T) {
	c := DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if got := c.DevicesPerNetwork(); got != 125 {
		t.Errorf("%d devices a network; a /25 without network, gateway and broadcast has 125", got)
	}
	if got := c.networks(); got != 131072 {
		t.Errorf("%d networks, want 131072", got)
	}
	low, high := c.numbers(true)
	if low != 1 || high != 256 {
		t.Errorf("test networks %d to %d, want 1 to 256", low, high)
	}
	if low, high = c.numbers(false); low != 257 || high != 131072 {
		t.Errorf("networks %d to %d, want 257 to 131072", low, high)
	}
}

func TestValidateNamesTheKey(t *testing.T) {
	secret := core.NewSecret("hunter2")
	for _, test := range []struct {
		want string
		edit func(*Config)
	}{
		{"", func(c *Config) {}},
		{"", func(c *Config) { c.MTU, c.Keepalive, c.DNS = 0, 0, nil }},
		{"", func(c *Config) { c.Endpoint = "[2001:db8::1]:51820" }},
		{"", func(c *Config) { c.Webhook.URL = "http://127.0.0.1:9000/hook" }},
		{"provisioner:", func(c *Config) { c.Provisioner = "wireguard" }},
		{"provisioner:", func(c *Config) { c.Provisioner = "" }},
		{"ipv4_pool:", func(c *Config) { c.IPv4Pool = netip.Prefix{} }},
		{"ipv4_pool:", func(c *Config) { c.IPv4Pool = netip.MustParsePrefix("10.1.0.0/8") }},
		{"ipv4_pool:", func(c *Config) { c.IPv4Pool = netip.MustParsePrefix("fd00::/8") }},
		{"ipv4_bits:", func(c *Config) { c.IPv4Bits = 31 }},
		{"ipv4_bits:", func(c *Config) { c.IPv4Bits = 15 }},
		{"ipv4_bits:", func(c *Config) { c.IPv4Pool, c.IPv4Bits = netip.MustParsePrefix("10.0.0.0/26"), 25 }},
		{"ipv6_pool:", func(c *Config) { c.IPv6Pool = netip.MustParsePrefix("10.0.0.0/8") }},
		{"ipv6_pool:", func(c *Config) { c.IPv6Pool = netip.MustParsePrefix("::ffff:10.0.0.0/104") }},
		{"ipv6_pool:", func(c *Config) { c.IPv6Pool = netip.MustParsePrefix("fd00::/65") }},
		{"test_networks:", func(c *Config) { c.TestNetworks = -1 }},
		{"test_networks:", func(c *Config) { c.TestNetworks = 131072 }},
		{"test_networks:", func(c *Config) { c.IPv6Pool = netip.MustParsePrefix("fd00::/64") }},
		{"mtu:", func(c *Config) { c.MTU = 1279 }},
		{"mtu:", func(c *Config) { c.MTU = 65536 }},
		{"keepalive:", func(c *Config) { c.Keepalive = -1 }},
		{"dns:", func(c *Config) { c.DNS = []netip.Addr{{}} }},
		{"dns:", func(c *Config) { c.DNS = []netip.Addr{netip.MustParseAddr("fe80::1%eth0")} }},
		{"allowed_ips:", func(c *Config) { c.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8")} }},
		{"allowed_ips:", func(c *Config) { c.AllowedIPs = nil }},
		{"gateway_public_key:", func(c *Config) { c.GatewayPublicKey = "" }},
		{"gateway_public_key:", func(c *Config) { c.GatewayPublicKey = "AAAA" }},
		{"endpoint:", func(c *Config) { c.Endpoint = "vpn.example.com" }},
		{"endpoint:", func(c *Config) { c.Endpoint = "vpn.example.com:0" }},
		{"endpoint:", func(c *Config) { c.Endpoint = "vpn.example.com:65536" }},
		{"endpoint:", func(c *Config) { c.Endpoint = ":51820" }},
		{"endpoint:", func(c *Config) { c.Endpoint = "vpn\nPostUp = x:51820" }},
		{"webhook.url:", func(c *Config) { c.Webhook.URL = "" }},
		{"webhook.url:", func(c *Config) { c.Webhook.URL = "ftp://example.com/" }},
		{"webhook.url:", func(c *Config) { c.Webhook.URL = "https:///x" }},
		{"webhook.url:", func(c *Config) { c.Webhook.URL = "https://me:hunter2@example.com/" }},
		{"webhook.secret:", func(c *Config) { c.Webhook.Secret = secret }},
		{"webhook.timeout:", func(c *Config) { c.Webhook.Timeout = 0 }},
		{"webhook.timeout:", func(c *Config) { c.Webhook.Timeout = 5*time.Second + 1 }},
	} {
		c := webhookConfig("https://gateway.example.com/hook")
		test.edit(&c)
		err := c.Validate()
		switch {
		case test.want == "" && err != nil:
			t.Errorf("refused: %v", err)
		case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)):
			t.Errorf("error %v, want %q in front", err, test.want)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("a secret is in the error: %v", err)
		}
	}
}

// A pool that only grows keeps every address.
func TestNumbersKeepTheirAddressesWhenPoolsGrow(t *testing.T) {
	small, large := DefaultConfig(), DefaultConfig()
	small.IPv4Pool, small.IPv6Pool = netip.MustParsePrefix("10.0.0.0/12"), netip.MustParsePrefix("fd77:7961:6e00::/50")
	if small.pool() != large.pool() {
		t.Fatalf("%+v and %+v differ", small.pool(), large.pool())
	}
	for _, number := range []int64{1, 2, 257, small.networks()} {
		if small.network(number) != large.network(number) {
			t.Errorf("network %d moves", number)
		}
	}
}

func TestNetworkAddresses(t *testing.T) {
	c := DefaultConfig()
	for _, test := range []struct {
		number, host         int64
		v4, v6, addr4, addr6 string
	}{
		{1, 2, "10.0.0.0/25", "fd77:7961:6e00::/64", "10.0.0.2/32", "fd77:7961:6e00::2/128"},
		{2, 126, "10.0.0.128/25", "fd77:7961:6e00:1::/64", "10.0.0.254/32", "fd77:7961:6e00:1::7e/128"},
		{257, 3, "10.0.128.0/25", "fd77:7961:6e00:100::/64", "10.0.128.3/32", "fd77:7961:6e00:100::3/128"},
		{131072, 2, "10.255.255.128/25", "fd77:7961:6e01:ffff::/64", "10.255.255.130/32", "fd77:7961:6e01:ffff::2/128"},
	} {
		n := c.network(test.number)
		if n.IPv4.String() != test.v4 || n.IPv6.String() != test.v6 {
			t.Errorf("network %d: %v %v, want %s %s", test.number, n.IPv4, n.IPv6, test.v4, test.v6)
		}
		a := n.addresses(test.host)
		if a[0].String() != test.addr4 || a[1].String() != test.addr6 {
			t.Errorf("network %d host %d: %v, want %s %s", test.number, test.host, a, test.addr4, test.addr6)
		}
	}
}

// Every address of every network of a small pool is given to one host only.
func TestAddressesNeverOverlap(t *testing.T) {
	c := DefaultConfig()
	c.IPv4Pool, c.IPv6Pool, c.IPv4Bits = netip.MustParsePrefix("10.9.0.0/24"), netip.MustParsePrefix("fd00::/61"), 28
	seen := map[netip.Prefix]bool{}
	for number := int64(1); number <= c.networks(); number++ {
		for host := int64(firstHost); host <= c.lastHost(); host++ {
			n := c.network(number)
			for i, a := range n.addresses(host) {
				within := []netip.Prefix{n.IPv4, n.IPv6}[i]
				if seen[a] || !within.Contains(a.Addr()) || a.Addr() == within.Addr() {
					t.Fatalf("network %d host %d: %v", number, host, a)
				}
				seen[a] = true
			}
		}
	}
	if want := 8 * 13 * 2; len(seen) != want {
		t.Errorf("%d addresses, want %d", len(seen), want)
	}
}

func TestLowestFree(t *testing.T) {
	for _, test := range []struct {
		taken []int64
		want  int64
	}{{nil, 2}, {[]int64{2}, 3}, {[]int64{3, 4}, 2}, {[]int64{2, 4}, 3}, {[]int64{2, 3, 4}, 5}, {[]int64{2, 3, 4, 5}, 0}} {
		if got := lowestFree(slices.Clone(test.taken), 2, 5); got != test.want {
			t.Errorf("lowestFree(%v) = %d, want %d", test.taken, got, test.want)
		}
	}
}
