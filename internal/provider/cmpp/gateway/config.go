package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
)

// Config is a gateway. Zero values mean the defaults in brackets.
type Config struct {
	Addr string // [127.0.0.1:0]
	// Listen opens the listener [plain TCP].
	Listen  func(ctx context.Context, network, addr string) (net.Listener, error)
	SPID    string // who may connect [anyone]
	Secret  core.Secret
	Version pdu.Version    // the highest that is spoken [3.0]
	Code    uint32         // of the gateway, in its Msg_Ids; 22 bits [901234]
	Zone    *time.Location // of Msg_Ids and reports [UTC+8]

	// Decide is asked about every part, on the session's goroutine, and must
	// return quickly [accept, report at once].
	Decide func(*Part) Behaviour
	// Handle gets every whole message that was taken, on the session's
	// goroutine [nobody].
	Handle func(Message)
	// ConnectStatus, when not nil, answers a login with right credentials.
	ConnectStatus func(spID string) pdu.ConnectStatus
	// Answered, when not nil, gets the client's answer to a report. id is the
	// part's.
	Answered func(id pdu.MsgID, r pdu.Result)
	// Forged makes the gateway answer logins as one that does not know the secret.
	Forged bool

	LoginTimeout time.Duration // from connecting to the CONNECT [10 s]
	IdleTimeout  time.Duration // silence of a client [5 min]
	FrameTimeout time.Duration // a packet that has begun must be whole by then [10 s]

	MaxSessions   int           // [100]
	MaxPending    int           // reports not answered yet, and late answers; over it submissions are refused, flow control [262,144]
	DeliverWindow int           // DELIVER without an answer, a session [16]
	RetryAfter    time.Duration // before a DELIVER that was not stored is sent again [1 s]
	MaxAttempts   int           // of one DELIVER [100]

	Now func() time.Time
	Log *slog.Logger
}

// Limits of long messages whose parts have not all come.
const (
	maxUnfinished  = 1000
	unfinishedLife = 10 * time.Minute
	writeTimeout   = 10 * time.Second
)

func (cfg Config) withDefaults() (Config, error) {
	if cfg.Now == nil || cfg.Log == nil {
		return cfg, errors.New("gateway: Now and Log are both needed")
	}
	if cfg.Listen == nil {
		cfg.Listen = new(net.ListenConfig).Listen
	}
	if cfg.Decide == nil {
		cfg.Decide = func(*Part) Behaviour { return Delivered(0) }
	}
	if cfg.Handle == nil {
		cfg.Handle = func(Message) {}
	}
	if cfg.ConnectStatus == nil {
		cfg.ConnectStatus = func(string) pdu.ConnectStatus { return pdu.ConnectOK }
	}
	if cfg.Answered == nil {
		cfg.Answered = func(pdu.MsgID, pdu.Result) {}
	}
	setDefault(&cfg.Addr, "127.0.0.1:0")
	setDefault(&cfg.Version, pdu.V30)
	setDefault(&cfg.Code, 901234)
	setDefault(&cfg.Zone, time.FixedZone("UTC+8", 8*3600))
	setDefault(&cfg.LoginTimeout, 10*time.Second)
	setDefault(&cfg.IdleTimeout, 5*time.Minute)
	setDefault(&cfg.FrameTimeout, 10*time.Second)
	setDefault(&cfg.MaxSessions, 100)
	setDefault(&cfg.MaxPending, 1<<18)
	setDefault(&cfg.DeliverWindow, 16)
	setDefault(&cfg.RetryAfter, time.Second)
	setDefault(&cfg.MaxAttempts, 100)
	return cfg, nil
}

func setDefault[T comparable](value *T, standard T) {
	var zero T
	if *value == zero {
		*value = standard
	}
}
