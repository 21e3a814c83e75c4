package tenant

import (
	"context"
	"io"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Users takes users and devices over from another installation. All calls are
// idempotent: what is there already, in the same shape, is a success.
// KindConflict: the id is somebody else's, or the number has another id.
// KindInvalidID: the id can not be kept. KindProvisioningRefused: the device
// can not have a tunnel. Every other error ends the import.
type Users interface {
	ImportUser(ctx context.Context, app *App, phone core.Phone, uid string) (core.UserID, error)
	ImportDevice(ctx context.Context, app *App, user core.UserID, deviceID string, created time.Time) error
	// ImportUserName gives a user that has no user name one.
	ImportUserName(ctx context.Context, app *App, user core.UserID, name string) error
}

// importers is how many users are taken over at once: the store commits them
// in groups.
const importers = 64

// ImportYunbox takes the keys, users and devices of a vendor account over, with
// their old ids (contracts/README.md §3.5). The format is in docs/import.md.
// The whole file is checked first; a file with a problem changes nothing, and
// the report lists them. After that each record is taken over as a whole or
// reported. Running it again is fine. Errors: KindNotFound for the app,
// KindBodyTooLarge for too many records, or the reader's error, all before
// anything was changed; later ones are KindInternal and say that it must be
// run again.
func (a *Admin) ImportYunbox(ctx context.Context, by By, id core.AppID, file io.Reader, dryRun bool) (ImportReport, error) {
	report := ImportReport{DryRun: dryRun, Errors: []ImportProblem{}}
	if err := a.directory.Refresh(ctx); err != nil {
		return report, classified(err)
	}
	app, found := a.directory.App(id)
	if !found {
		return report, core.E(core.KindNotFound, "no such app")
	}
	f, err := readImport(file, app.Phones, &report)
	if err != nil {
		return report, err
	}
	if report.Failed > 0 {
		return report, nil
	}
	if dryRun {
		report.Keys, report.Users, report.Devices = len(f.keys), len(f.users), len(f.devices)
		return report, nil
	}
	f.sortDevices()
	if err := a.importKeys(ctx, by, id, f, &report); err != nil {
		return report, err
	}
	report.Applied = true
	app, _ = a.directory.App(id)
	if err := a.importUsers(ctx, app, f, &report); err != nil {
		return report, core.Wrap(core.KindInternal, err, "the import broke off: run it again")
	}
	return report, a.change(ctx, func(q store.SQL) error {
		return a.audit(ctx, q, by, "app.import.end", appObject(id), nil, importCounts{Keys: report.Keys,
			Users: report.Users, Devices: report.Devices, Failed: report.Failed})
	})
}

// importCounts is what the audit keeps of an import.
type importCounts struct {
	Keys    int `json:"keys"`
	Users   int `json:"users"`
	Devices int `json:"devices"`
	Failed  int `json:"failed"`
}

// importKeys takes the keys over and, in the same transaction, marks the app
// as one with imported users: their ids are accepted from then on.
func (a *Admin) importKeys(ctx context.Context, by By, id core.AppID, f *importFile, report *ImportReport) error {
	var taken ImportReport
	err := a.change(ctx, func(q store.SQL) error {
		taken = ImportReport{}
		row, err := appByID(ctx, q, id)
		if err != nil {
			return err
		}
		for _, k := range f.keys {
			if err := a.importKey(ctx, q, id, k, &taken); err != nil {
				return err
			}
		}
		if len(f.users) > 0 && !row.Imported {
			row.Imported, row.Updated = true, store.At(a.now())
			if ok, err := records.UpdateApp(ctx, q, row); err != nil || !ok {
				return changedOr(err)
			}
		}
		return a.audit(ctx, q, by, "app.import", appObject(id), nil, importCounts{Keys: taken.Keys,
			Users: len(f.users), Devices: len(f.devices), Failed: taken.Failed})
	})
	if err == nil {
		report.Keys, report.Failed = taken.Keys, taken.Failed
		report.Errors = append(report.Errors, taken.Errors...)
	}
	return err
}

// importKey takes one key over. One that the app has or had stays as it is:
// running an import again must not revive a key that was rotated away.
func (a *Admin) importKey(ctx context.Context, q store.SQL, app core.AppID, k importKey, report *ImportReport) error {
	for _, hash := range a.keys.TokenHashes(k.key.Reveal()) {
		c, taken, err := records.CredentialByHash(ctx, q, hash)
		switch {
		case err != nil:
			return err
		case taken && c.App != app:
			report.Fail(k.line, "key: another app has it")
			return nil
		case taken:
			report.Keys++
			return nil
		}
	}
	report.Keys++
	_, err := a.insertKey(ctx, q, app, DialectYunbox, k.key)
	return err
}

// importUsers takes users over, several at once, each followed by its devices.
// It stops at the first error that is not about a record.
func (a *Admin) importUsers(ctx context.Context, app *App, f *importFile, report *ImportReport) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	work := make(chan *importUser)
	var mu sync.Mutex // guards report
	var running sync.WaitGroup
	for range importers {
		running.Go(func() {
			for u := range work {
				if err := a.importUser(ctx, app, f.idName, u, report, &mu); err != nil {
					stop(err)
				}
			}
		})
	}
	for _, u := range f.users {
		select {
		case work <- u:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	running.Wait()
	return context.Cause(ctx)
}

func (a *Admin) importUser(ctx context.Context, app *App, idName string, u *importUser, report *ImportReport, mu *sync.Mutex) error {
	user, err := a.users.ImportUser(ctx, app, u.phone, u.uid)
	if reason := aboutRecord(err); reason != "" {
		mu.Lock()
		defer mu.Unlock()
		report.Fail(u.line, idName+": "+reason)
		for _, d := range u.devices {
			report.Fail(d.line, "device_id: its user was not taken over")
		}
		return nil
	}
	if err != nil {
		return err
	}
	if u.userName != "" {
		if err := a.users.ImportUserName(ctx, app, user, u.userName); err != nil {
			return err
		}
	}
	mu.Lock()
	report.Users++
	mu.Unlock()
	for _, d := range u.devices {
		err := a.users.ImportDevice(ctx, app, user, d.id, d.created)
		reason := aboutRecord(err)
		if err != nil && reason == "" {
			return err
		}
		mu.Lock()
		if err != nil {
			report.Fail(d.line, "device_id: "+reason)
		} else {
			report.Devices++
		}
		mu.Unlock()
	}
	return nil
}

// aboutRecord says why a record was not taken over; "" for success, and for an
// error that has nothing to do with the record.
func aboutRecord(err error) string {
	if err == nil {
		return ""
	}
	switch core.KindOf(err) {
	case core.KindConflict:
		return "it is another user's, or the number has another one"
	case core.KindInvalidID:
		return "it can not be kept"
	case core.KindProvisioningRefused:
		return "its tunnel was refused"
	default:
		return ""
	}
}
