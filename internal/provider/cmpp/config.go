package cmpp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	"yanma.dev/yanma/internal/provider/link"
)

// Charset says what a text is written in.
type Charset string

// The character sets. A text that GBK or ASCII lacks a character of is sent in
// UCS-2.
const (
	CharsetUCS2  Charset = "ucs2"  // always: Msg_Fmt 8 (contracts/delivery.md §7)
	CharsetGBK   Charset = "gbk"   // Msg_Fmt 15
	CharsetASCII Charset = "ascii" // Msg_Fmt 0
)

// Config is one account. Window and RatePerSecond are of each link. Zero values
// mean the defaults in brackets.
type Config struct {
	Name      string // unique in an installation
	Addr      string // host:port
	SPID      string // ≤ 6 octets: a longer one does not fit (contracts/delivery.md §4)
	Secret    core.Secret
	Version   pdu.Version // asked for; a gateway that finds 3.0 too high is asked for 2.0 [2.0]
	ServiceID string      // as issued, ≤ 10 octets
	Source    string      // access number, ≤ 21 digits
	Charset   Charset     // [ucs2]

	// TrustGateway takes a gateway's word without the proof that it knows the
	// secret: some send zeros for it.
	TrustGateway bool

	Links         int     // connections at the same time, 1…64: as many as the account may have [1]
	Window        int     // SUBMIT without an answer, 1…10,000 [16]
	RatePerSecond float64 // SUBMIT a second [0: no limit]

	TestEvery       time.Duration // silence before an ACTIVE_TEST [30 s]
	ResponseTimeout time.Duration // for every request [10 s]
	ReconnectMin    time.Duration // first wait before connecting again [1 s]
	ReconnectMax    time.Duration // the wait doubles up to this [60 s]

	Zone *time.Location // of timestamps and of the dates in reports [UTC+8]
}

// Deps are what a client needs from its surroundings.
type Deps struct {
	Sink   provider.Sink
	Now    func() time.Time
	Jitter func() float64 // uniform in [0, 1)
	Log    *slog.Logger
	// Dial opens the connection; nil means plain TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

const (
	maxWindow    = 10_000
	maxLinks     = 64
	maxSource    = 21
	maxServiceID = 10
)

// withDefaults fills in the contract's values and refuses what can never work.
func (cfg Config) withDefaults() (Config, error) {
	setDefault(&cfg.Version, pdu.V20)
	setDefault(&cfg.Charset, CharsetUCS2)
	setDefault(&cfg.Links, 1)
	setDefault(&cfg.Window, 16)
	setDefault(&cfg.TestEvery, 30*time.Second)
	setDefault(&cfg.ResponseTimeout, 10*time.Second)
	setDefault(&cfg.ReconnectMin, time.Second)
	setDefault(&cfg.ReconnectMax, 60*time.Second)
	setDefault(&cfg.Zone, time.FixedZone("UTC+8", 8*3600))
	if problem := cfg.check(); problem != nil {
		return cfg, fmt.Errorf("cmpp link %q: %w", cfg.Name, problem)
	}
	return cfg, nil
}

func setDefault[T comparable](value *T, standard T) {
	var zero T
	if *value == zero {
		*value = standard
	}
}

func (cfg *Config) check() error {
	switch {
	case cfg.Name == "":
		return errors.New("name is empty")
	case cfg.Addr == "":
		return errors.New("addr is empty")
	case cfg.SPID == "" || len(cfg.SPID) > pdu.SPIDLen || strings.IndexByte(cfg.SPID, 0) >= 0:
		return fmt.Errorf("sp_id is not 1 to %d characters", pdu.SPIDLen)
	case cfg.Version != pdu.V20 && cfg.Version != pdu.V30:
		return errors.New("version is not 2.0 or 3.0")
	case len(cfg.ServiceID) > maxServiceID || strings.IndexByte(cfg.ServiceID, 0) >= 0:
		return fmt.Errorf("service_id is over %d characters", maxServiceID)
	case cfg.Source != "" && !isDigits(cfg.Source) || len(cfg.Source) > maxSource:
		return fmt.Errorf("source is not %d digits at most", maxSource)
	case cfg.Charset != CharsetUCS2 && cfg.Charset != CharsetGBK && cfg.Charset != CharsetASCII:
		return errors.New("charset is not ucs2, gbk or ascii")
	case cfg.Links < 1 || cfg.Links > maxLinks:
		return fmt.Errorf("links is not 1 to %d", maxLinks)
	case cfg.Window < 1 || cfg.Window > maxWindow:
		return fmt.Errorf("window is not 1 to %d", maxWindow)
	case cfg.RatePerSecond < 0:
		return errors.New("rate_per_second is negative")
	case cfg.TestEvery < 0 || cfg.ResponseTimeout < 0 || cfg.ReconnectMin < 0 || cfg.ReconnectMax < cfg.ReconnectMin:
		return errors.New("a duration is out of range")
	}
	return nil
}

func (cfg *Config) link() link.Config {
	return link.Config{
		Kind: "cmpp", Name: cfg.Name, Addr: cfg.Addr, Format: pdu.Format,
		Window: cfg.Window, RatePerSecond: cfg.RatePerSecond,
		ProbeEvery: cfg.TestEvery, ResponseTimeout: cfg.ResponseTimeout,
		ReconnectMin: cfg.ReconnectMin, ReconnectMax: cfg.ReconnectMax,
	}
}

func (d Deps) check() error {
	if d.Sink == nil || d.Now == nil || d.Jitter == nil || d.Log == nil {
		return errors.New("cmpp: Sink, Now, Jitter and Log are all needed")
	}
	return nil
}
