package tunnel

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// ClientConfig is what a device needs to use its tunnel (contracts/yunbox.md
// §8). Keys are Base64.
type ClientConfig struct {
	DeviceID     string
	PrivateKey   core.Secret // zero: handed out before, and forgotten
	Addresses    []netip.Prefix
	DNS          []netip.Addr
	MTU          int // 0: not said, as all zero values below
	PublicKey    string
	PresharedKey core.Secret
	AllowedIPs   []netip.Prefix
	Endpoint     string
	Keepalive    int // seconds
}

// Config is the configuration of an active device; text is its id as the
// caller knows it. With Config.ForgetKeyAfterHandOut one caller, the first,
// gets the private key, which is erased before Config returns.
//
// Errors: KindProvisioningRefused when there is no provisioner, KindNotFound
// when the device has no peer, is pending or deleted; KindInternal.
func (s *Service) Config(ctx context.Context, device core.DeviceID, text string) (ClientConfig, error) {
	if s.config.Provisioner == ProvisionerNone {
		return ClientConfig{}, core.E(core.KindProvisioningRefused, "no provisioner is configured")
	}
	var c ClientConfig
	read := func(q store.SQL) (err error) {
		c, err = s.clientConfig(ctx, q, device)
		return err
	}
	var err error
	if s.config.ForgetKeyAfterHandOut {
		err = records.Update(ctx, s.store, read)
	} else {
		err = s.store.View(ctx, read)
	}
	if err != nil {
		return ClientConfig{}, provisioningError(err, "read a peer")
	}
	c.DeviceID = text
	return c, nil
}

func (s *Service) clientConfig(ctx context.Context, q store.SQL, device core.DeviceID) (ClientConfig, error) {
	row, found, err := records.PeerOfDevice(ctx, q, device)
	if err != nil {
		return ClientConfig{}, err
	}
	if !found {
		return ClientConfig{}, core.E(core.KindNotFound, "the device has no peer")
	}
	preshared, err := s.openKey(presharedField(device), row.PresharedKey)
	if err != nil {
		return ClientConfig{}, err
	}
	private, err := s.openKey(privateField(device), row.PrivateKey)
	if err != nil {
		return ClientConfig{}, err
	}
	if s.config.ForgetKeyAfterHandOut && !private.IsZero() {
		switch first, err := records.ForgetPrivateKey(ctx, q, device); {
		case err != nil:
			return ClientConfig{}, err
		case !first: // another caller took it meanwhile
			private = core.Secret{}
		}
	}
	return ClientConfig{
		PrivateKey:   private,
		Addresses:    s.config.network(row.Network).addresses(row.Host),
		DNS:          s.config.DNS,
		MTU:          s.config.MTU,
		PublicKey:    s.config.GatewayPublicKey,
		PresharedKey: preshared,
		AllowedIPs:   s.config.AllowedIPs,
		Endpoint:     s.config.Endpoint,
		Keepalive:    s.config.Keepalive,
	}, nil
}

// openKey opens a sealed key into its Base64; no value stays none.
func (s *Service) openKey(field string, sealed []byte) (core.Secret, error) {
	if len(sealed) == 0 {
		return core.Secret{}, nil
	}
	key, err := s.sealer.Open(field, sealed)
	if err != nil {
		return core.Secret{}, err
	}
	return core.NewSecret(base64.StdEncoding.EncodeToString(key)), nil
}

// forgotten stands where a private key would.
const forgotten = "# PrivateKey was handed out before\n"

// WGQuick is the configuration as wg-quick reads it. Lines without a value are
// left out.
func (c ClientConfig) WGQuick() []byte {
	var b bytes.Buffer
	line := func(name, value string) {
		if value != "" {
			b.WriteString(name + " = " + value + "\n")
		}
	}
	b.WriteString("[Interface]\n")
	if c.PrivateKey.IsZero() {
		b.WriteString(forgotten)
	}
	line("PrivateKey", c.PrivateKey.Reveal())
	line("Address", list(c.Addresses))
	line("DNS", list(c.DNS))
	line("MTU", number(c.MTU))
	b.WriteString("\n[Peer]\n")
	line("PublicKey", c.PublicKey)
	line("PresharedKey", c.PresharedKey.Reveal())
	line("AllowedIPs", list(c.AllowedIPs))
	line("Endpoint", c.Endpoint)
	line("PersistentKeepalive", number(c.Keepalive))
	return b.Bytes()
}

func list[T interface{ String() string }](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.String()
	}
	return strings.Join(texts, ", ")
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// The JSON form, member by member in the contract's order.
type (
	configJSON struct {
		Status    string        `json:"status"`
		DeviceID  string        `json:"device_id"`
		Type      string        `json:"type"`
		Interface interfaceJSON `json:"interface"`
		Peers     []peerJSON    `json:"peers"`
	}
	interfaceJSON struct {
		PrivateKey *string        `json:"private_key"`
		Addresses  []netip.Prefix `json:"addresses"`
		DNS        []netip.Addr   `json:"dns,omitempty"`
		MTU        int            `json:"mtu,omitempty"`
	}
	peerJSON struct {
		PublicKey    string         `json:"public_key,omitempty"`
		PresharedKey string         `json:"preshared_key,omitempty"`
		AllowedIPs   []netip.Prefix `json:"allowed_ips,omitempty"`
		Endpoint     string         `json:"endpoint,omitempty"`
		Keepalive    int            `json:"persistent_keepalive,omitempty"`
	}
)

// JSON is the whole body of the JSON answer, "status" first. Members without a
// value are left out; a forgotten private key is null.
func (c ClientConfig) JSON() ([]byte, error) {
	body := configJSON{
		Status: "ok", DeviceID: c.DeviceID, Type: "wireguard",
		Interface: interfaceJSON{Addresses: c.Addresses, DNS: c.DNS, MTU: c.MTU},
		Peers: []peerJSON{{PublicKey: c.PublicKey, PresharedKey: c.PresharedKey.Reveal(), AllowedIPs: c.AllowedIPs,
			Endpoint: c.Endpoint, Keepalive: c.Keepalive}},
	}
	if !c.PrivateKey.IsZero() {
		key := c.PrivateKey.Reveal()
		body.Interface.PrivateKey = &key
	}
	return json.Marshal(body)
}
