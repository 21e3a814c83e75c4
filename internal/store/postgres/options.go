package postgres

import (
	"errors"
	"log/slog"
	"time"
)

// Options of Open. URL, Now and Log are required; zero values of the rest mean
// the defaults.
type Options struct {
	URL string // postgres://user:password@host:port/name?sslmode=…; the tables live in its first schema
	Now func() time.Time
	Log *slog.Logger

	Batchers       int           // connections for batches, each used by one batcher; default 1
	Readers        int           // connections for View; default 6
	Timeout        time.Duration // of one round trip of a batch; default 2 s
	StatementLimit time.Duration // of one statement of View and Update; default 30 s
	LockTimeout    time.Duration // of a batch for another node's rows, up to twice as long on some connections; default 250 ms
	ConnectTimeout time.Duration // default 2 s
}

func (o *Options) setDefaults() {
	if o.Batchers <= 0 {
		o.Batchers = 1
	}
	if o.Readers <= 0 {
		o.Readers = 6
	}
	for _, d := range []struct {
		to    *time.Duration
		value time.Duration
	}{
		{&o.Timeout, 2 * time.Second},
		{&o.StatementLimit, 30 * time.Second},
		{&o.LockTimeout, 250 * time.Millisecond},
		{&o.ConnectTimeout, 2 * time.Second},
	} {
		if *d.to <= 0 {
			*d.to = d.value
		}
	}
}

// Reasons why a database is refused. The errors of Open wrap them in one
// sentence for the operator; nothing was changed then.
var (
	// ErrURL says that the URL cannot be read.
	ErrURL = errors.New("not a PostgreSQL URL")
	// ErrUnreachable says that no server answers, or not in time.
	ErrUnreachable = errors.New("cannot be reached")
	// ErrRefused says that the server does not let us in: no such database, a
	// wrong user or password, too many connections.
	ErrRefused = errors.New("refuses the connection")
	// ErrReadOnly says that the server is a standby, or read-only by a setting.
	ErrReadOnly = errors.New("read-only")
	// ErrEncoding says that the database is not in UTF8.
	ErrEncoding = errors.New("not in UTF8")
	// ErrForeign says that it holds something else.
	ErrForeign = errors.New("not a Yanma database")
	// ErrNewer says that the database has migrations that this program lacks.
	ErrNewer = errors.New("written by a newer version of Yanma")
	// ErrRights says that our role may not do what has to be done.
	ErrRights = errors.New("lacks rights")
	// ErrFull says that the disk of the database has no room.
	ErrFull = errors.New("full")
	// ErrDamaged says that a page of a table or an index is not what was written.
	ErrDamaged = errors.New("damaged, stop the servers and restore a backup or fail over")
)

// errClosed is what every call gets after Close.
var errClosed = errors.New("postgres: the engine is closed")
