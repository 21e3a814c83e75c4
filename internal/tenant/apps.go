package tenant

import (
	"context"
	"fmt"
	"reflect"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Spec is a new app. What Settings leaves out takes its default; its Name is
// ignored.
type Spec struct {
	Tenant   core.TenantID `json:"tenant"`
	Name     string        `json:"name"`
	Settings Patch         `json:"settings"`
}

// CreateApp makes an app with one yunbox key, if it may use that dialect, and
// shows the key this once. KindBadField for a setting, KindNotFound for the
// tenant, KindConflict when another app of the tenant has the name.
func (a *Admin) CreateApp(ctx context.Context, by By, spec Spec) (AppView, core.Secret, error) {
	return a.createApp(ctx, by, spec, core.Secret{})
}

// createApp takes the key to use; the zero Secret draws one.
func (a *Admin) createApp(ctx context.Context, by By, spec Spec, key core.Secret) (AppView, core.Secret, error) {
	settings := spec.Settings.applyTo(DefaultSettings())
	var tests []TestNumber
	set(&tests, spec.Settings.TestNumbers)
	if err := a.check(spec.Name, settings, tests); err != nil {
		return AppView{}, core.Secret{}, err
	}
	if key.IsZero() {
		var err error
		if key, err = newKey(a.random); err != nil {
			return AppView{}, core.Secret{}, classified(err)
		}
	}
	var view AppView
	err := a.change(ctx, func(q store.SQL) error {
		row, err := a.newRow(ctx, q, spec, settings, tests)
		if err != nil {
			return err
		}
		if err := records.InsertApp(ctx, q, row); err != nil {
			return err
		}
		if (&App{Dialects: settings.Dialects}).Uses(DialectYunbox) {
			if _, err := a.insertKey(ctx, q, row.ID, DialectYunbox, key); err != nil {
				return err
			}
		} else {
			key = core.Secret{}
		}
		if view, err = a.viewOf(ctx, q, row); err != nil {
			return err
		}
		return a.audit(ctx, q, by, "app.create", appObject(row.ID), nil, view)
	})
	if err != nil {
		return AppView{}, core.Secret{}, err
	}
	return view, key, nil
}

func (a *Admin) newRow(ctx context.Context, q store.SQL, spec Spec, settings Settings, tests []TestNumber) (records.App, error) {
	if _, err := tenantByID(ctx, q, spec.Tenant); err != nil {
		return records.App{}, err
	}
	if err := nameIsFree(ctx, q, spec.Tenant, spec.Name); err != nil {
		return records.App{}, err
	}
	id, err := records.NextAppID(ctx, q)
	if err != nil {
		return records.App{}, err
	}
	now := store.At(a.now())
	row := records.App{ID: id, Tenant: spec.Tenant, Name: spec.Name, Created: now, Updated: now}
	return row, a.fill(&row, settings, tests)
}

func nameIsFree(ctx context.Context, q store.SQL, tenant core.TenantID, name string) error {
	_, taken, err := records.AppByName(ctx, q, tenant, name)
	if err == nil && taken {
		err = core.E(core.KindConflict, "the tenant has an app of this name")
	}
	return err
}

// fill puts the settings into a row.
func (a *Admin) fill(row *records.App, settings Settings, tests []TestNumber) (err error) {
	if row.Settings, err = settings.encode(); err != nil {
		return err
	}
	row.TestNumbers, err = sealTests(tests, a.keys)
	return err
}

// check validates what an operator set.
func (a *Admin) check(name string, settings Settings, tests []TestNumber) error {
	if err := checkName(name); err != nil {
		return err
	}
	_, err := settings.build(a.directory.defaults, tests)
	return err
}

// ListApps lists the apps of a tenant, or of all for 0, by id.
func (a *Admin) ListApps(ctx context.Context, tenant core.TenantID) ([]AppView, error) {
	views := []AppView{}
	err := a.view(ctx, func(q store.SQL) error {
		if tenant != 0 {
			if _, err := tenantByID(ctx, q, tenant); err != nil {
				return err
			}
		}
		rows, err := records.Apps(ctx, q)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if tenant != 0 && row.Tenant != tenant {
				continue
			}
			view, err := a.viewOf(ctx, q, row)
			if err != nil {
				return err
			}
			views = append(views, view)
		}
		return nil
	})
	return views, err
}

// ShowApp is one app, without its keys and with its test numbers masked;
// KindNotFound when there is none.
func (a *Admin) ShowApp(ctx context.Context, id core.AppID) (AppView, error) {
	var view AppView
	err := a.view(ctx, func(q store.SQL) error {
		row, err := appByID(ctx, q, id)
		if err != nil {
			return err
		}
		view, err = a.viewOf(ctx, q, row)
		return err
	})
	return view, err
}

// UpdateApp changes settings. Errors as CreateApp.
func (a *Admin) UpdateApp(ctx context.Context, by By, id core.AppID, p Patch) (AppView, error) {
	return a.changeApp(ctx, by, "app.update", id, func(ctx context.Context, q store.SQL, row *records.App) error {
		settings, tests, err := a.settingsOf(*row)
		if err != nil {
			return err
		}
		settings = p.applyTo(settings)
		set(&tests, p.TestNumbers)
		name := row.Name
		set(&name, p.Name)
		if err := a.check(name, settings, tests); err != nil {
			return err
		}
		if name != row.Name {
			if err := nameIsFree(ctx, q, row.Tenant, name); err != nil {
				return err
			}
			row.Name = name
		}
		if p.TestNumbers == nil {
			row.Settings, err = settings.encode()
			return err
		}
		return a.fill(row, settings, tests)
	})
}

// DisableApp makes the app's keys invalid until EnableApp (contracts/yunbox.md
// §2, 0073). Disabling it twice is fine.
func (a *Admin) DisableApp(ctx context.Context, by By, id core.AppID) (AppView, error) {
	return a.setDisabled(ctx, by, "app.disable", id, true)
}

// EnableApp takes DisableApp back.
func (a *Admin) EnableApp(ctx context.Context, by By, id core.AppID) (AppView, error) {
	return a.setDisabled(ctx, by, "app.enable", id, false)
}

func (a *Admin) setDisabled(ctx context.Context, by By, action string, id core.AppID, disabled bool) (AppView, error) {
	return a.changeApp(ctx, by, action, id, func(_ context.Context, _ store.SQL, row *records.App) error {
		row.Disabled = disabled
		return nil
	})
}

// changeApp reads a row, lets edit change it, and writes it with its audit row
// if anything changed.
func (a *Admin) changeApp(ctx context.Context, by By, action string, id core.AppID,
	edit func(context.Context, store.SQL, *records.App) error) (AppView, error) {
	var after AppView
	err := a.change(ctx, func(q store.SQL) error {
		row, err := appByID(ctx, q, id)
		if err != nil {
			return err
		}
		before, err := a.viewOf(ctx, q, row)
		if err != nil {
			return err
		}
		old := row
		if err := edit(ctx, q, &row); err != nil {
			return err
		}
		if reflect.DeepEqual(old, row) {
			after = before
			return nil
		}
		row.Updated = store.At(a.now())
		if ok, err := records.UpdateApp(ctx, q, row); err != nil || !ok {
			return changedOr(err)
		}
		if after, err = a.viewOf(ctx, q, row); err != nil {
			return err
		}
		return a.audit(ctx, q, by, action, appObject(id), before, after)
	})
	return after, err
}

func changedOr(err error) error {
	if err != nil {
		return err
	}
	return errChanged
}

func appByID(ctx context.Context, q store.SQL, id core.AppID) (records.App, error) {
	row, found, err := records.AppByID(ctx, q, id)
	if err == nil && !found {
		err = core.E(core.KindNotFound, "no such app")
	}
	return row, err
}

func (a *Admin) settingsOf(row records.App) (Settings, []TestNumber, error) {
	settings, err := decodeSettings(row.Settings)
	if err != nil {
		return Settings{}, nil, err
	}
	tests, err := openTests(row.TestNumbers, a.keys)
	return settings, tests, err
}

// viewOf is the app with its keys as the transaction sees them.
func (a *Admin) viewOf(ctx context.Context, q store.SQL, row records.App) (AppView, error) {
	settings, tests, err := a.settingsOf(row)
	if err != nil {
		return AppView{}, fmt.Errorf("app %d: %w", row.ID, err)
	}
	keys, err := records.CredentialsOf(ctx, q, row.ID)
	if err != nil {
		return AppView{}, err
	}
	signing, err := openSigning(row.Secrets, a.keys)
	if err != nil {
		return AppView{}, fmt.Errorf("app %d: %w", row.ID, err)
	}
	return viewApp(row, settings, tests, keys, signing, store.At(a.now())), nil
}

func appObject(id core.AppID) string { return fmt.Sprintf("app %d", id) }
