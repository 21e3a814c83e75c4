package config

import (
	"errors"
	"net/netip"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/provider/httpsms"
)

// Config is everything that can be set. yanma.example.toml shows every key
// with its default.
type Config struct {
	Server    Server            `toml:"server"`
	Operator  Operator          `toml:"operator"`
	Store     Store             `toml:"store"`
	Log       Log               `toml:"log"`
	Limits    Limits            `toml:"limits"`
	Guard     Guard             `toml:"guard"`
	Prices    Prices            `toml:"prices"`
	Facades   map[string]Facade `toml:"facade"`
	Submail   Submail           `toml:"submail"`
	Captcha   Captcha           `toml:"captcha"`
	Carriers  []Carrier         `toml:"carrier"`
	SIMSwap   SIMSwap           `toml:"sim_swap"`
	Numbers   Numbers           `toml:"numbers"`
	Providers []Provider        `toml:"provider"`
	Receipts  Receipts          `toml:"receipts"`
	Callbacks Callbacks         `toml:"callbacks"`
	Routing   Routing           `toml:"routing"`
	Routes    []Route           `toml:"route"`
	Tunnel    Tunnel            `toml:"tunnel"`
	Retention Retention         `toml:"retention"`
	Messages  Messages          `toml:"messages"`
}

// Server is the public listener.
type Server struct {
	Listen         string         `toml:"listen"`          // host:port; default 127.0.0.1:8080
	TLSCert        string         `toml:"tls_cert"`        // PEM file, reloaded when it changes; "" = plain HTTP
	TLSKey         string         `toml:"tls_key"`         // PEM file
	TrustedProxies []netip.Prefix `toml:"trusted_proxies"` // whose X-Forwarded-For and X-Request-Id count
	MaxConnections int            `toml:"max_connections"` // open at once; one more waits; default 16384
	MaxRequests    int            `toml:"max_requests"`    // at work at once; one more is shed; default 2048
	DrainTimeout   Duration       `toml:"drain_timeout"`   // how long SIGTERM waits for requests and messages; default 20s

	PublicURL         string         `toml:"public_url"`         // the public listener as callers reach it; "" = where it listens
	EnrichmentHeader  string         `toml:"enrichment_header"`  // in which an operator's proxy says the number of a device; "" = none
	EnrichmentProxies []netip.Prefix `toml:"enrichment_proxies"` // the addresses of such proxies
}

// Operator is the operator API's listener.
type Operator struct {
	Listen string `toml:"listen"` // host:port; default 127.0.0.1:8081
	Token  Secret `toml:"token"`  // bearer token, at least 16 characters; has no default
}

// Store is where the data is.
type Store struct {
	Data     string `toml:"data"`              // data folder: SQLite file, keyring, lock; default ./yanma-data
	Database Secret `toml:"database"`          // postgres://user@host:port/name without a password, or env:NAME or file:PATH that give one with; "" = SQLite in the data folder
	Password Secret `toml:"database_password"` // env:NAME or file:PATH; Load puts it into Database
	Keyring  string `toml:"keyring"`           // keyring file; default <data>/keyring.json. Back it up apart from the database
	Node     uint8  `toml:"node"`              // number of this node, 0 to 255, unique on one database
	Batchers int    `toml:"batchers"`          // batches at the same time on PostgreSQL, 1 to 16; default 2
	Queue    int    `toml:"queue"`             // commands that may wait; one more is shed; default 4096

	AnswerWithin Duration `toml:"answer_within"` // a caller is refused when the database takes longer; default 900ms
}

// Log is the request log and everything else that is said.
type Log struct {
	Level string `toml:"level"` // debug, info, warn, error; default info
	File  string `toml:"file"`  // "" = standard error
}

// Limits are the send limits of contracts/README.md §6.
type Limits struct {
	Off   bool                `toml:"off"`   // lifts the frequency limits only; locks after wrong tries stay
	Rules map[string][]string `toml:"rules"` // by rule name: windows such as "1/60s", "5/1h", "10/24h"
}

// Guard is the fraud guard (docs/fraud.md).
type Guard struct {
	Mode string `toml:"mode"` // off, record or enforce, for apps that say nothing; default enforce

	Home []string `toml:"home"` // ISO regions in which the people live that the installation serves; default CN
}

// Prices are what an app pays where it has no price of its own.
type Prices struct {
	SMS    core.Credits `toml:"sms"`    // a segment; default 1
	Login  core.Credits `toml:"login"`  // a successful login; default 0
	Verify core.Credits `toml:"verify"` // a number verified through its carrier, whatever the answer; default 1
	Fetch  core.Credits `toml:"fetch"`  // a number that its carrier told; default 1
	Voice  core.Credits `toml:"voice"`  // a call that speaks a code; default 1
}

// Facade is how one dialect is served (contracts/README.md §2).
type Facade struct {
	Disabled bool     `toml:"disabled"`
	Hosts    []string `toml:"hosts"`  // Host names; empty = all
	Prefix   string   `toml:"prefix"` // such as "/yunbox"; empty = bare paths
}

// Provider is one connection to a carrier.
type Provider struct {
	Name            string   `toml:"name"`
	Type            string   `toml:"type"`        // smpp, cmpp, sip, http, aliyun, tencent, twilio, submail, kannel
	Address         string   `toml:"address"`     // host:port
	SystemID        string   `toml:"system_id"`   // at most 15 characters
	Password        Secret   `toml:"password"`    // at most 8 characters
	SystemType      string   `toml:"system_type"` // at most 12 characters
	Bind            string   `toml:"bind"`        // transceiver or pair; default transceiver
	Binds           int      `toml:"binds"`       // transceivers, or pairs, 1 to 64; default 1
	TLS             bool     `toml:"tls"`         // SMPP over TLS
	CAFile          string   `toml:"ca_file"`     // PEM: who may vouch for the carrier, also over HTTP; "" = the system's
	CertFile        string   `toml:"cert_file"`   // PEM: our own certificate; "" = none
	KeyFile         string   `toml:"key_file"`    // PEM: its key
	ServerName      string   `toml:"server_name"` // whom the carrier's certificate must name; "" = the host of address
	Source          string   `toml:"source"`      // default sender
	SourceTON       uint8    `toml:"source_ton"`  // 0 with source_npi 0 = by the form of source
	SourceNPI       uint8    `toml:"source_npi"`
	Window          int      `toml:"window"`           // submissions without an answer, on each connection; default 10, CMPP 16
	Rate            int      `toml:"rate"`             // submissions a second, on each connection; 0 = no limit of ours
	IDRadix         string   `toml:"id_radix"`         // how receipts write the id: auto, literal, hex, decimal; default auto
	LongMessage     string   `toml:"long_message"`     // udh or payload; default udh
	EnquireEvery    Duration `toml:"enquire_every"`    // idle time before enquire_link or ACTIVE_TEST; default 30s
	ResponseTimeout Duration `toml:"response_timeout"` // default 10s

	// Of CMPP.
	SPID         string `toml:"sp_id"`         // at most 6 characters
	Links        int    `toml:"links"`         // connections, 1 to 64; default 1
	Version      string `toml:"version"`       // 2.0 or 3.0; default 2.0
	ServiceID    string `toml:"service_id"`    // at most 10 characters
	Charset      string `toml:"charset"`       // ucs2, gbk or ascii; default ucs2
	TrustGateway bool   `toml:"trust_gateway"` // without the proof that it knows the secret

	// Of a SIP trunk, which makes calls (docs/voice.md).
	Transport    string   `toml:"transport"`     // udp or tcp; default udp
	Listen       string   `toml:"listen"`        // address:port of ours for SIP over UDP; "" = any port
	MediaAddress string   `toml:"media_address"` // what the trunk is told of our address; "" = the one that we use
	MediaPorts   string   `toml:"media_ports"`   // for RTP, such as 16384-16483; "" = any
	Domain       string   `toml:"domain"`        // in From and To; "" = the host of address
	Format       string   `toml:"format"`        // of numbers: plus, digits or national; default plus
	RingTimeout  Duration `toml:"ring_timeout"`  // until the callee answers; default 45s

	// Of the types over HTTP; docs/providers.md says which one needs what.
	URL           string                      `toml:"url"`
	Account       string                      `toml:"account"`
	Application   string                      `toml:"application"`
	Region        string                      `toml:"region"`
	Signature     string                      `toml:"signature"`
	ReceiptSecret Secret                      `toml:"receipt_secret"` // part of the receipts' path
	ReceiptKey    Secret                      `toml:"receipt_key"`    // what the carrier signs them with
	Templates     map[string]httpsms.Template `toml:"templates"`      // by our template's name
	Request       httpsms.Request             `toml:"request"`
	Response      httpsms.Response            `toml:"response"`
	Receipt       httpsms.Receipt             `toml:"receipt"`
	Text          httpsms.Text                `toml:"text"`
}

// Receipts is where carriers over HTTP report to, on the public listener.
type Receipts struct {
	Prefix string `toml:"prefix"` // default /receipts
	URL    string `toml:"url"`    // the public listener as carriers reach it, without the prefix; "" = they are not told
}

// Callbacks is how apps are called (docs/callbacks.md).
type Callbacks struct {
	Allow []netip.Prefix `toml:"allow"` // internal networks that apps' URLs may lead to; none
}

// Tunnel is the networks that users get (contracts/yunbox.md §8).
type Tunnel struct {
	Provisioner      string         `toml:"provisioner"` // none or webhook; default none
	IPv4Pool         netip.Prefix   `toml:"ipv4_pool"`
	IPv4Bits         int            `toml:"ipv4_bits"` // prefix length of one user's network
	IPv6Pool         netip.Prefix   `toml:"ipv6_pool"`
	DNS              []netip.Addr   `toml:"dns"`
	MTU              int            `toml:"mtu"`
	AllowedIPs       []netip.Prefix `toml:"allowed_ips"`
	Endpoint         string         `toml:"endpoint"` // host:port of the gateway
	GatewayPublicKey string         `toml:"gateway_public_key"`
	Keepalive        int            `toml:"keepalive"` // seconds; 0 = off
	ForgetKeys       bool           `toml:"forget_keys"`
	Webhook          Webhook        `toml:"webhook"`
}

// Webhook is the provisioner that another system implements.
type Webhook struct {
	URL     string   `toml:"url"`
	Secret  Secret   `toml:"secret"`
	Timeout Duration `toml:"timeout"` // default 5s
}

// Retention is how long rows are kept, counted from when they were made. Users,
// the ledger and what stands in the settings have no end; what has a life of its
// own (counters of limits, Idempotency-Keys, once tokens, early receipts) needs
// no setting.
type Retention struct {
	Verifications Duration `toml:"verifications"` // default 720h, at least 25h
	Messages      Duration `toml:"messages"`      // default 2160h, at least 96h
	Receipts      Duration `toml:"receipts"`      // carriers' ids of messages; default 168h, at least 96h
	Audit         Duration `toml:"audit"`         // default 0: for ever; else at least 4392h (requirement row 46)
	Logins        Duration `toml:"logins"`        // who logged in, failed to, logged out; default 4392h, at least that (requirement row 46)
}

// Duration is a time.Duration written as "30s" or "24h".
type Duration time.Duration

// UnmarshalText reads the written form.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "time: "))
	}
	*d = Duration(v)
	return nil
}

// MarshalText gives the written form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String is the shortest written form: 24h, not 24h0m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// D is the time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// Secret is a secret that the file names but does not hold: env:NAME or
// file:PATH. Load replaces it with the value.
type Secret struct{ core.Secret }

// Defaults is the configuration of an empty file.
func Defaults() Config {
	return Config{
		Server:    Server{Listen: "127.0.0.1:8080", MaxConnections: 16384, MaxRequests: 2048, DrainTimeout: Duration(20 * time.Second)},
		Operator:  Operator{Listen: "127.0.0.1:8081"},
		Store:     Store{Data: "./yanma-data", Queue: 4096, Batchers: 2, AnswerWithin: Duration(900 * time.Millisecond)},
		Log:       Log{Level: "info"},
		Guard:     Guard{Mode: "enforce", Home: []string{"CN"}},
		Numbers:   defaultNumbers(),
		Prices:    Prices{SMS: 1, Verify: 1, Fetch: 1, Voice: 1},
		Facades:   map[string]Facade{},
		Submail:   defaultSubmail(),
		Captcha:   defaultCaptcha(),
		Receipts:  Receipts{Prefix: "/receipts"},
		Tunnel:    defaultTunnel(),
		Messages:  Messages{Longest: message.LongestText},
		Retention: Retention{Verifications: Duration(720 * time.Hour), Messages: Duration(2160 * time.Hour), Receipts: Duration(168 * time.Hour), Logins: Duration(4392 * time.Hour)},
	}
}

// providerDefaults fills what a provider's stanza leaves out.
func (p *Provider) providerDefaults() {
	switch p.Type {
	case "smpp":
		p.smppDefaults()
	case "cmpp":
		p.cmppDefaults()
	case "sip":
		p.sipDefaults()
	}
	if p.Window == 0 {
		p.Window = 10
	}
	if p.IDRadix == "" {
		p.IDRadix = "auto"
	}
	if p.LongMessage == "" {
		p.LongMessage = "udh"
	}
	if p.EnquireEvery == 0 {
		p.EnquireEvery = Duration(30 * time.Second)
	}
	if p.ResponseTimeout == 0 {
		p.ResponseTimeout = Duration(10 * time.Second)
	}
}
