package sqlite

import (
	"errors"
	"log/slog"
	"time"
)

// Options of Open. Folder, Now and Log are required; zero values of the rest
// mean the defaults.
type Options struct {
	Folder string // the data folder; made when it is missing
	Now    func() time.Time
	Log    *slog.Logger

	Checkpoint time.Duration // between two checkpoints; default 200 ms
	WALLimit   int64         // bytes from which the WAL is started anew; default 64 MiB
	Cache      int64         // bytes of the writer's page cache; default 64 MiB
	Readers    int           // read connections; default 4
}

func (o *Options) setDefaults() {
	if o.Checkpoint <= 0 {
		o.Checkpoint = 200 * time.Millisecond
	}
	if o.WALLimit <= 0 {
		o.WALLimit = 64 << 20
	}
	if o.Cache <= 0 {
		o.Cache = 64 << 20
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
}

// Reasons why a data folder is refused. The errors of Open wrap them in one
// sentence for the operator; nothing was changed then.
var (
	// ErrInUse says that another process has the folder.
	ErrInUse = errors.New("in use by another process")
	// ErrNewer says that the database has migrations that this program lacks.
	ErrNewer = errors.New("written by a newer version of Yanma")
	// ErrForeign says that the file is something else.
	ErrForeign = errors.New("not a Yanma database")
	// ErrReadOnly says that the folder or a file in it cannot be written.
	ErrReadOnly = errors.New("read-only")
	// ErrFull says that the disk has no room. Batches report it as well.
	ErrFull = errors.New("full")
	// ErrDamaged says that a page of the database is not what was written.
	ErrDamaged = errors.New("damaged, stop the server and restore a backup")
	// ErrNotSynced says that the disk refused to keep what was written. Nothing
	// more is committed then until the process starts again.
	ErrNotSynced = errors.New("the disk of the database failed to keep what was written: check the disk, then restart")
)

// errClosed is what every call gets after Close.
var errClosed = errors.New("sqlite: the engine is closed")
