package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Reasons why a number can not be had. Errors of Claim and Lost wrap them in one
// sentence.
var (
	ErrTaken = errors.New("in use by another server")
	ErrLost  = errors.New("was taken over by another server")
)

// Database is the part of store.Engine that leases need.
type Database interface {
	View(ctx context.Context, f func(store.SQL) error) error
	Update(ctx context.Context, f func(store.SQL) error) error
}

// Options of a lease; Every and Life have defaults.
type Options struct {
	Database Database
	Number   uint8
	Folder   string // the data folder: it must exist
	Random   io.Reader
	Log      *slog.Logger
	Lost     func(error) // called at most once, when the number is another's: this server must end

	Every time.Duration // between two signs of life; default 2 s
	Life  time.Duration // how long a lease without one is left alone; default 15 s
}

// Lease is a number that is ours.
type Lease struct {
	o    Options
	lock *os.File
	mine row

	mu      sync.Mutex // guards what follows
	cancel  context.CancelFunc
	done    chan struct{}
	stopped bool
	stopErr error
}

// row is what the database keeps of a lease.
type row struct {
	Holder string `json:"holder"` // the data folder
	Run    string `json:"run"`    // the process
	Beat   int64  `json:"beat"`   // goes up while it lives
}

func setting(number uint8) string { return fmt.Sprintf("node_%d", number) }

// Claim takes a number, or refuses with ErrTaken. It may have to wait for Life
// when another server had the number and was not stopped in order.
func Claim(ctx context.Context, o Options) (*Lease, error) {
	if o.Every <= 0 {
		o.Every = 2 * time.Second
	}
	if o.Life <= 0 {
		o.Life = 15 * time.Second
	}
	holder, lock, err := claimFolder(o)
	if err != nil {
		return nil, err
	}
	run, err := draw(o.Random)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	l := &Lease{o: o, lock: lock, mine: row{Holder: holder, Run: run, Beat: 1}}
	if err := l.claim(ctx); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return l, nil
}

// claimFolder locks the number in the data folder, and gives the folder's id.
func claimFolder(o Options) (holder string, lock *os.File, err error) {
	path := filepath.Join(o.Folder, fmt.Sprintf("node-%d", o.Number))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("note the node's number: %w", err)
	}
	err = store.LockFile(f)
	if errors.Is(err, store.ErrLocked) {
		err = fmt.Errorf("node number %d is %w with the same data folder %s", o.Number, ErrTaken, o.Folder)
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(f, 64))
	}
	holder = string(text)
	if _, ok := core.DecodeID128(holder); err == nil && !ok {
		if holder, err = draw(o.Random); err == nil {
			err = errors.Join(f.Truncate(0), writeAt(f, holder))
		}
	}
	if err != nil {
		return "", nil, errors.Join(err, f.Close())
	}
	return holder, f, nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return errors.Join(err, f.Sync())
}

func draw(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("draw a node's id: %w", err)
	}
	return core.EncodeID128(b), nil
}

// claim looks at the row until it is ours or certainly another's.
func (l *Lease) claim(ctx context.Context) error {
	interval := l.o.Every / 4
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var seen row
	still := time.Duration(0) // for how long it was seen to stay the same
	for {
		found, ours, err := l.take(ctx, seen, still >= l.o.Life)
		switch {
		case err != nil && (ctx.Err() != nil || seen == row{}):
			return fmt.Errorf("claim node number %d: %w", l.o.Number, err)
		case err != nil:
			still = 0 // the database was away: perhaps for its holder, too
		case ours:
			return nil
		case seen == row{}:
			l.o.Log.Info("node: another server had this number; waiting whether it is alive", "node", int(l.o.Number), "longest", l.o.Life.String())
			seen = found
		case found != seen:
			return fmt.Errorf("node number %d is %w of this database: give each server a store.node of its own", l.o.Number, ErrTaken)
		default:
			still += interval
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take makes the row ours if nobody has it, if it is of this data folder, or if
// it lapsed and is what was seen.
func (l *Lease) take(ctx context.Context, seen row, lapsed bool) (found row, ours bool, err error) {
	look := func(q store.SQL) (err error) {
		found, err = read(ctx, q, l.o.Number)
		ours = found == row{} || found.Holder == l.mine.Holder || lapsed && found == seen
		return err
	}
	if err := l.o.Database.View(ctx, look); err != nil || !ours {
		return found, false, err
	}
	err = records.Update(ctx, l.o.Database, func(q store.SQL) error {
		if err := look(q); err != nil || !ours {
			return err
		}
		return write(ctx, q, l.o.Number, l.mine)
	})
	return found, ours && err == nil, err
}

func read(ctx context.Context, q store.SQL, number uint8) (r row, err error) {
	text, _, err := records.Setting(ctx, q, setting(number))
	if err != nil || text == "" {
		return row{}, err
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return row{}, fmt.Errorf("the setting %s is no lease", setting(number))
	}
	return r, nil
}

func write(ctx context.Context, q store.SQL, number uint8, r row) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return records.PutSetting(ctx, q, setting(number), string(text))
}
