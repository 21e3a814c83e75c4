package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Target is an empty place for a database: sqlite.Target, postgres.Engine.
type Target interface {
	// Newest is the number of the newest migration that this program knows.
	Newest() (int, error)
	// Check refuses a place that is not empty. It changes nothing.
	Check(ctx context.Context) error
	// Restore makes the database: load gets it at a schema, finish at the newest.
	Restore(ctx context.Context, schema int, load, finish func(store.SQL) error) error
	Tables(ctx context.Context, q store.SQL) ([]store.Table, error)
}

// RestoreOptions of Restore; all but Move are required.
type RestoreOptions struct {
	File   *File
	Target Target
	Ring   func() (*keyring.Ring, error) // opens the keyring of the target
	Now    func() time.Time
	Node   uint8 // of the configuration: new ledger rows get ids of it
	Move   bool  // keep what is alive: the source was stopped for good
}

// Report says what a restore did.
type Report struct {
	Move    bool                 `json:"move"`
	Retired Retired              `json:"retired"` // nothing in a move
	Indexed Indexed              `json:"indexed"`
	Ledger  []records.AccountSum `json:"-"` // every account, as it is now
}

// Why a restore is refused.
var (
	ErrNotMove = errors.New("was written while a server may have been running, and can not be moved; stop it and run yanma backup --move")
	ErrSchema  = errors.New("has a newer schema than this program knows; restore it with the version that wrote it")
	ErrKey     = errors.New("is not in the keyring, and the backup needs it; put the keyring of that time in its place")
)

// Restore makes the database of a file in an empty place, all of it or nothing,
// and says what it ended. It refuses, each in one sentence and with nothing
// changed: a newer schema, a missing, wrong or older keyring, a place that is
// not empty.
func Restore(ctx context.Context, o RestoreOptions) (Report, error) {
	newest, err := o.Target.Newest()
	switch {
	case err != nil:
		return Report{}, err
	case o.File.Header.Schema > newest:
		return Report{}, fmt.Errorf("the backup (schema %04d, from Yanma %s) %w", o.File.Header.Schema, o.File.Header.Program, ErrSchema)
	case o.Move && !o.File.Header.Move:
		return Report{}, fmt.Errorf("the backup %w", ErrNotMove)
	}
	ring, err := o.ring()
	if err != nil {
		return Report{}, err
	}
	if err := o.Target.Check(ctx); err != nil {
		return Report{}, err
	}
	report := Report{Move: o.Move}
	err = o.Target.Restore(ctx, o.File.Header.Schema,
		func(q store.SQL) error {
			tables, err := o.Target.Tables(ctx, q)
			if err != nil {
				return err
			}
			l := &loader{file: o.File, tables: tables}
			return l.load(ctx, q)
		},
		func(q store.SQL) error { return o.finish(ctx, q, ring, &report) })
	return report, err
}

// ring opens the keyring and refuses one that does not belong to the backup. A
// database that was never served needs none.
func (o *RestoreOptions) ring() (*keyring.Ring, error) {
	head, foot := &o.File.Header, &o.File.Footer
	if head.Installation == "" {
		return nil, nil
	}
	ring, err := o.Ring()
	if err != nil {
		return nil, err
	}
	if err := ring.CheckDatabase(head.Installation, head.Generation); err != nil {
		return nil, err
	}
	for _, id := range foot.FieldKeys {
		if !slices.Contains(ring.FieldKeyIDs(), id) {
			return nil, fmt.Errorf("the field key %d %w", id, ErrKey)
		}
	}
	for _, id := range foot.CodeKeys {
		if o.Move && !slices.Contains(ring.CodeKeyIDs(), id) {
			return nil, fmt.Errorf("the code key %d %w", id, ErrKey)
		}
	}
	return ring, nil
}

// finish ends what must not act again, and notes that there was a restore.
func (o *RestoreOptions) finish(ctx context.Context, q store.SQL, ring *keyring.Ring, report *Report) (err error) {
	now := o.Now()
	if !o.Move {
		highest, err := records.HighestID(ctx, q)
		if err != nil {
			return err
		}
		ids := core.NewIDs(o.Now, o.Node)
		ids.Seed(highest)
		if report.Retired, err = retire(ctx, q, ids, store.At(now)); err != nil {
			return err
		}
	}
	if ring != nil {
		if report.Indexed, err = index(ctx, q, ring); err != nil {
			return err
		}
	}
	if err := o.note(ctx, q, *report, now); err != nil {
		return err
	}
	report.Ledger, err = records.AccountSums(ctx, q)
	return err
}

// note leaves an audit row.
func (o *RestoreOptions) note(ctx context.Context, q store.SQL, report Report, now time.Time) error {
	text, err := json.Marshal(struct {
		Report
		From time.Time `json:"backup_of"`
	}{report, o.File.Header.At})
	if err != nil {
		return err
	}
	if err := records.BumpRevision(ctx, q); err != nil {
		return err
	}
	action := "database.restored"
	if o.Move {
		action = "database.moved"
	}
	return records.InsertAudit(ctx, q, records.Audit{At: store.At(now), Actor: "restore", Action: action, Object: "database", After: string(text)})
}
