package smsc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

// Config is an SMSC. Zero values mean the defaults in brackets.
type Config struct {
	Addr string // [127.0.0.1:0]
	// Listen opens the listener [plain TCP].
	Listen   func(ctx context.Context, network, addr string) (net.Listener, error)
	SystemID string // who may bind [anyone]
	Password core.Secret

	// Decide is asked about every part, on the session's goroutine, and must
	// return quickly [accept, receipt at once].
	Decide func(*Part) Behaviour
	// Handle gets every whole message that was taken, on the session's
	// goroutine [nobody].
	Handle func(Message)
	// BindStatus, when not nil, answers a bind with right credentials.
	BindStatus func(systemID string) pdu.Status
	// Answered, when not nil, gets the client's answer to a receipt. id is the
	// part's, as the receipt spelled it.
	Answered func(id string, status pdu.Status)

	BindTimeout  time.Duration // from connecting to the bind [10 s]
	IdleTimeout  time.Duration // silence of a bound client [2 min]
	FrameTimeout time.Duration // a frame that has begun must be whole by then [10 s]

	MaxSessions   int           // [100]
	MaxPending    int           // receipts not answered yet, and late answers; over it submissions are refused, queue full [262,144]
	DeliverWindow int           // deliver_sm without an answer, a session [1,000]
	RetryAfter    time.Duration // before a deliver_sm that was not stored is sent again [1 s]
	MaxAttempts   int           // of one deliver_sm [100]

	Now func() time.Time
	Log *slog.Logger
}

// Limits of long messages whose parts have not all come.
const (
	maxUnfinished  = 1000
	maxSegmentLen  = 254 // octets of one part of a long message
	unfinishedLife = 10 * time.Minute
	writeTimeout   = 10 * time.Second
)

func (cfg Config) withDefaults() (Config, error) {
	if cfg.Now == nil || cfg.Log == nil {
		return cfg, errors.New("smsc: Now and Log are both needed")
	}
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
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
	if cfg.BindStatus == nil {
		cfg.BindStatus = func(string) pdu.Status { return pdu.OK }
	}
	if cfg.Answered == nil {
		cfg.Answered = func(string, pdu.Status) {}
	}
	setDefault(&cfg.BindTimeout, 10*time.Second)
	setDefault(&cfg.IdleTimeout, 2*time.Minute)
	setDefault(&cfg.FrameTimeout, 10*time.Second)
	setDefault(&cfg.MaxSessions, 100)
	setDefault(&cfg.MaxPending, 1<<18)
	setDefault(&cfg.DeliverWindow, 1000)
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
