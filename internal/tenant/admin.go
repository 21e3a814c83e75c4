package tenant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// By is who makes a change, for the audit row.
type By struct {
	Actor   string // such as "operator", "dev"
	Request string // the id of the request, if there is one
}

// Admin changes tenants and apps. Every change is one transaction with its
// audit row and the next revision, and is seen by this node's Directory when
// the call returns. An error of KindInternal from a call that changes
// something leaves open whether it took effect.
type Admin struct {
	database  Database
	keys      Keys
	directory *Directory
	users     Users
	now       func() time.Time
	random    io.Reader
	log       *slog.Logger
}

// NewAdmin returns the service beside this node's directory, with the same
// database, keys and clock. users takes imported users; random is
// cryptographic, and draws keys.
func NewAdmin(directory *Directory, users Users, random io.Reader) *Admin {
	return &Admin{database: directory.database, keys: directory.keys, directory: directory, users: users,
		now: directory.now, random: random, log: directory.log}
}

// CreateTenant makes a tenant. KindBadField for the name, KindConflict when
// another has it.
func (a *Admin) CreateTenant(ctx context.Context, by By, name string) (TenantView, error) {
	if err := checkName(name); err != nil {
		return TenantView{}, err
	}
	publicID, err := newTenantID(a.random)
	if err != nil {
		return TenantView{}, classified(err)
	}
	var view TenantView
	err = a.change(ctx, func(q store.SQL) error {
		if _, err := tenantNamed(ctx, q, name); err == nil {
			return core.E(core.KindConflict, "a tenant of this name exists")
		} else if core.KindOf(err) != core.KindNotFound {
			return err
		}
		id, err := records.NextTenantID(ctx, q)
		if err != nil {
			return err
		}
		row := records.Tenant{ID: id, Name: name, Created: store.At(a.now()), PublicID: publicID}
		if err := records.InsertTenant(ctx, q, row); err != nil {
			return err
		}
		view = viewTenant(row)
		return a.audit(ctx, q, by, "tenant.create", fmt.Sprintf("tenant %d", id), nil, view)
	})
	return view, err
}

// Tenants lists all tenants by id.
func (a *Admin) Tenants(ctx context.Context) ([]TenantView, error) {
	views := []TenantView{}
	err := a.view(ctx, func(q store.SQL) error {
		rows, err := records.Tenants(ctx, q)
		for _, row := range rows {
			views = append(views, viewTenant(row))
		}
		return err
	})
	return views, err
}

// Tenant is one tenant; KindNotFound when there is none.
func (a *Admin) Tenant(ctx context.Context, id core.TenantID) (TenantView, error) {
	var view TenantView
	err := a.view(ctx, func(q store.SQL) error {
		row, err := tenantByID(ctx, q, id)
		view = viewTenant(row)
		return err
	})
	return view, err
}

func tenantByID(ctx context.Context, q store.SQL, id core.TenantID) (records.Tenant, error) {
	return tenantWhere(ctx, q, func(t records.Tenant) bool { return t.ID == id })
}

func tenantNamed(ctx context.Context, q store.SQL, name string) (records.Tenant, error) {
	return tenantWhere(ctx, q, func(t records.Tenant) bool { return t.Name == name })
}

// tenantWhere reads all: tenants are few, and this is no request of theirs.
func tenantWhere(ctx context.Context, q store.SQL, is func(records.Tenant) bool) (records.Tenant, error) {
	all, err := records.Tenants(ctx, q)
	if err != nil {
		return records.Tenant{}, err
	}
	for _, t := range all {
		if is(t) {
			return t, nil
		}
	}
	return records.Tenant{}, core.E(core.KindNotFound, "no such tenant")
}

// Audits lists at most limit changes (1 to 500), newest first, before an id;
// 0 means from the newest on.
func (a *Admin) Audits(ctx context.Context, before int64, limit int) ([]AuditView, error) {
	views := []AuditView{}
	err := a.view(ctx, func(q store.SQL) error {
		rows, err := records.Audits(ctx, q, before, min(max(limit, 1), 500))
		for _, row := range rows {
			views = append(views, viewAudit(row))
		}
		return err
	})
	return views, err
}

// Record writes an audit row of a change that was made elsewhere. before and
// after are encoded as JSON; nil leaves them empty.
func (a *Admin) Record(ctx context.Context, q store.SQL, by By, action, object string, before, after any) error {
	return a.audit(ctx, q, by, action, object, before, after)
}

func (a *Admin) audit(ctx context.Context, q store.SQL, by By, action, object string, before, after any) error {
	row := records.Audit{At: store.At(a.now()), Actor: by.Actor, Action: action, Object: object, Request: by.Request}
	var err error
	if row.Before, err = auditJSON(before); err != nil {
		return err
	}
	if row.After, err = auditJSON(after); err != nil {
		return err
	}
	return records.InsertAudit(ctx, q, row)
}

func auditJSON(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// errChanged says that somebody else changed the row between our reading and
// writing it.
var errChanged = fmt.Errorf("the row was changed meanwhile: %w", store.ErrAgain)

// change runs f and the next revision in one transaction, anew when another
// change came between, and then refreshes this node's directory.
func (a *Admin) change(ctx context.Context, f func(store.SQL) error) error {
	err := records.Update(ctx, a.database, func(q store.SQL) error {
		if err := f(q); err != nil {
			return err
		}
		return records.BumpRevision(ctx, q)
	})
	if err != nil {
		return classified(err)
	}
	if err := a.directory.Refresh(ctx); err != nil {
		// It is on disk; the poll catches up.
		a.log.Warn("tenant: a change is not seen by this node yet", "error", err.Error())
	}
	return nil
}

func (a *Admin) view(ctx context.Context, f func(store.SQL) error) error {
	return classified(a.database.View(ctx, f))
}

// classified keeps an error that is one of ours, and makes the rest internal.
func classified(err error) error {
	var known *core.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, store.ErrAgain), errors.Is(err, store.ErrUnique):
		return core.Wrap(core.KindConflict, err, "changed by somebody else again and again")
	default:
		return core.Wrap(core.KindInternal, err, "")
	}
}
