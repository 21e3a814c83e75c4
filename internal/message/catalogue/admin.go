package catalogue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// Apps changes configuration, with its audit rows and revision (tenant.Admin).
type Apps interface {
	Change(ctx context.Context, f func(store.SQL) error) error
	Record(ctx context.Context, q store.SQL, by tenant.By, action, object string, before, after any) error
}

// Options are what an Admin is made of. All are required but Words and Approve.
type Options struct {
	Apps      Apps
	Directory *tenant.Directory
	Catalogue *Catalogue
	Database  tenant.Database
	IDs       *core.IDs
	Now       func() time.Time
	Words     *message.Words // that no text may have
	Longest   int            // characters of a text with its signature
	Approve   bool           // at once, instead of an operator (dev mode)
}

// Admin changes templates and signatures.
type Admin struct{ o Options }

// NewAdmin returns the service.
func NewAdmin(o Options) *Admin {
	if o.Longest <= 0 {
		o.Longest = message.LongestText
	}
	return &Admin{o}
}

// Verdict ends an audit.
type Verdict struct {
	Approve bool
	Reason  string // why not, at most 200 characters; "" for an approval
}

const longestReason = 200

func (v Verdict) check() error {
	if len([]rune(v.Reason)) > longestReason {
		return &core.Error{Kind: core.KindBadField, Field: "reason", Detail: fmt.Sprintf("it has more than %d characters", longestReason)}
	}
	return nil
}

func (v Verdict) state() message.Audit {
	if v.Approve {
		return message.Approved
	}
	return message.Rejected
}

// begins is the state of what was just written.
func (a *Admin) begins() message.Audit {
	if a.o.Approve {
		return message.Approved
	}
	return message.Pending
}

// tell leaves an event for an app whose template or signature was judged.
func (a *Admin) tell(ctx context.Context, q store.SQL, app core.AppID, kind store.EventKind, ref int64, state message.Audit, reason string) error {
	if app == 0 || state == message.Pending {
		return nil
	}
	return records.InsertEvent(ctx, q, store.Event{ID: core.EventID(a.o.IDs.Next()), App: app, Kind: kind, Ref: ref, Status: uint16(state),
		At: store.At(a.o.Now()), Note: reason})
}

// errChanged says that somebody else changed the row between our reading and
// writing it.
var errChanged = fmt.Errorf("the row was changed meanwhile: %w", store.ErrAgain)

func changedOr(written bool, err error) error {
	if err == nil && !written {
		return errChanged
	}
	return err
}

// ref is the id that an app knows: the row's own, or one that was issued
// elsewhere (contracts/README.md §3.5).
func refOf(id int64, imported string) (string, error) {
	if imported == "" {
		return fmt.Sprint(id), nil
	}
	for i := 0; i < len(imported); i++ {
		c := imported[i]
		if c != '_' && c != '.' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return "", errRef
		}
	}
	if len(imported) > 64 {
		return "", errRef
	}
	return imported, nil
}

var errRef = &core.Error{Kind: core.KindBadField, Field: "id", Detail: "want 1 to 64 characters of A-Z a-z 0-9 _ . -"}

// view runs a read-only transaction; errors that are not ours are internal.
func (a *Admin) view(ctx context.Context, f func(store.SQL) error) error {
	err := a.o.Database.View(ctx, f)
	var known *core.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return core.Wrap(core.KindInternal, err, "")
}

func (a *Admin) app(id core.AppID) (*tenant.App, error) {
	if app, ok := a.o.Directory.App(id); ok {
		return app, nil
	}
	return nil, core.E(core.KindNotFound, "no such app")
}
