package config

import "yanma.dev/yanma/internal/tunnel"

// Service is the configuration of internal/tunnel.
func (t Tunnel) Service() tunnel.Config {
	return tunnel.Config{
		Provisioner:           tunnel.Provisioner(t.Provisioner),
		IPv4Pool:              t.IPv4Pool,
		IPv4Bits:              t.IPv4Bits,
		IPv6Pool:              t.IPv6Pool,
		DNS:                   t.DNS,
		MTU:                   t.MTU,
		AllowedIPs:            t.AllowedIPs,
		Endpoint:              t.Endpoint,
		GatewayPublicKey:      t.GatewayPublicKey,
		Keepalive:             t.Keepalive,
		ForgetKeyAfterHandOut: t.ForgetKeys,
		Webhook: tunnel.Webhook{URL: t.Webhook.URL, Secret: t.Webhook.Secret.Secret,
			Timeout: t.Webhook.Timeout.D()},
	}
}

// defaultTunnel is tunnel.DefaultConfig in the file's terms.
func defaultTunnel() Tunnel {
	d := tunnel.DefaultConfig()
	return Tunnel{
		Provisioner: string(d.Provisioner),
		IPv4Pool:    d.IPv4Pool,
		IPv4Bits:    d.IPv4Bits,
		IPv6Pool:    d.IPv6Pool,
		DNS:         d.DNS,
		MTU:         d.MTU,
		AllowedIPs:  d.AllowedIPs,
		Keepalive:   d.Keepalive,
		Webhook:     Webhook{Timeout: Duration(d.Webhook.Timeout)},
	}
}
