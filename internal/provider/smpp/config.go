package smpp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/link"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
	"yanma.dev/yanma/internal/provider/trust"
)

// IDRadix says how the ids in receipts relate to those in submit_sm_resp
// (contracts/delivery.md §2.3). The literal id is always tried first.
type IDRadix string

// The radices.
const (
	RadixAuto    IDRadix = "auto"    // then both conversions
	RadixLiteral IDRadix = "literal" // the SMSC spells them alike: no conversion
	RadixHex     IDRadix = "hex"     // receipts hexadecimal, responses decimal
	RadixDecimal IDRadix = "decimal" // receipts decimal, responses hexadecimal
)

// LongMessage says how a text travels that one message can not hold.
type LongMessage string

// The ways.
const (
	LongUDH     LongMessage = "udh"     // segments with a concatenation header
	LongPayload LongMessage = "payload" // one PDU with message_payload
)

// Bind says what a link is bound as.
type Bind string

// The binds.
const (
	BindTransceiver Bind = "transceiver" // submits and receives
	BindPair        Bind = "pair"        // a transmitter that submits, and a receiver beside it
)

// Config is one account. Window and RatePerSecond are of each bind that submits.
// Zero values mean the defaults in brackets.
type Config struct {
	Name       string // unique in an installation
	Addr       string // host:port
	SystemID   string // ≤ 15 octets
	Password   core.Secret
	SystemType string // ≤ 12 octets
	Bind       Bind   // [transceiver]
	Binds      int    // transceivers, or pairs, 1…64 [1]
	TLS        trust.TLS

	// Source is used when a message has no sender of its own. TON and NPI of
	// every sender are derived from its form (contracts/delivery.md §2.1)
	// unless SourceTON or SourceNPI is set; they then hold for Source.
	Source               string
	SourceTON, SourceNPI byte

	Window        int         // submit_sm without an answer, 1…10,000 [10]
	RatePerSecond float64     // submit_sm a second [0: no limit]
	IDRadix       IDRadix     // [auto]
	LongMessage   LongMessage // [udh]

	EnquireEvery    time.Duration // silence before an enquire_link [30 s]
	ResponseTimeout time.Duration // for every request [10 s]
	ReconnectMin    time.Duration // first wait before connecting again [1 s]
	ReconnectMax    time.Duration // the wait doubles up to this [60 s]

	ReceiptZone  *time.Location                // of the dates in receipts [UTC]
	VendorStatus map[pdu.Status]provider.Class // classes of 0x400–0x4FF; Rejected, Throttled or Unknown [Rejected]
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
	maxWindow = 10_000
	maxBinds  = 64
)

// withDefaults fills in the contract's values and refuses what can never work.
func (cfg Config) withDefaults() (Config, error) {
	setDefault(&cfg.Bind, BindTransceiver)
	setDefault(&cfg.Binds, 1)
	setDefault(&cfg.Window, 10)
	setDefault(&cfg.IDRadix, RadixAuto)
	setDefault(&cfg.LongMessage, LongUDH)
	setDefault(&cfg.EnquireEvery, 30*time.Second)
	setDefault(&cfg.ResponseTimeout, 10*time.Second)
	setDefault(&cfg.ReconnectMin, time.Second)
	setDefault(&cfg.ReconnectMax, 60*time.Second)
	setDefault(&cfg.ReceiptZone, time.UTC)
	return cfg, cfg.check()
}

func setDefault[T comparable](value *T, standard T) {
	var zero T
	if *value == zero {
		*value = standard
	}
}

func (cfg Config) check() error {
	bind := cfg.bind()
	for _, class := range cfg.VendorStatus {
		if class != provider.Rejected && class != provider.Throttled && class != provider.Unknown {
			return fmt.Errorf("smpp link %q: vendor_status is not rejected, throttled or unknown", cfg.Name)
		}
	}
	_, sourceErr := cfg.source("")
	var problem error
	switch {
	case cfg.Name == "":
		problem = errors.New("name is empty")
	case cfg.Addr == "":
		problem = errors.New("addr is empty")
	case cfg.Bind != BindTransceiver && cfg.Bind != BindPair:
		problem = errors.New("bind is not transceiver or pair")
	case cfg.Binds < 1 || cfg.Binds > maxBinds:
		problem = fmt.Errorf("binds is not 1 to %d", maxBinds)
	case cfg.Window < 1 || cfg.Window > maxWindow:
		problem = fmt.Errorf("window is not 1 to %d", maxWindow)
	case cfg.RatePerSecond < 0:
		problem = errors.New("rate_per_second is negative")
	case cfg.IDRadix != RadixAuto && cfg.IDRadix != RadixLiteral && cfg.IDRadix != RadixHex && cfg.IDRadix != RadixDecimal:
		problem = errors.New("id_radix is not auto, literal, hex or decimal")
	case cfg.LongMessage != LongUDH && cfg.LongMessage != LongPayload:
		problem = errors.New("long_message is not udh or payload")
	case cfg.EnquireEvery < 0 || cfg.ResponseTimeout < 0 || cfg.ReconnectMin < 0 || cfg.ReconnectMax < cfg.ReconnectMin:
		problem = errors.New("a duration is out of range")
	case sourceErr != nil:
		problem = sourceErr
	default:
		problem = pdu.CheckBind(&bind)
	}
	if problem == nil {
		problem = cfg.TLS.Check()
	}
	if problem != nil {
		return fmt.Errorf("smpp link %q: %w", cfg.Name, problem)
	}
	return nil
}

func (cfg Config) link() link.Config {
	return link.Config{
		Kind: "smpp", Name: cfg.Name, Addr: cfg.Addr, Format: pdu.Format,
		Window: cfg.Window, RatePerSecond: cfg.RatePerSecond, Retries: true,
		ProbeEvery: cfg.EnquireEvery, ResponseTimeout: cfg.ResponseTimeout,
		ReconnectMin: cfg.ReconnectMin, ReconnectMax: cfg.ReconnectMax,
	}
}

func (cfg Config) bind() pdu.Bind {
	return pdu.Bind{
		SystemID: cfg.SystemID, Password: cfg.Password.Reveal(), SystemType: cfg.SystemType,
		InterfaceVersion: pdu.InterfaceVersion,
	}
}

func (d Deps) check() error {
	if d.Sink == nil || d.Now == nil || d.Jitter == nil || d.Log == nil {
		return errors.New("smpp: Sink, Now, Jitter and Log are all needed")
	}
	return nil
}
