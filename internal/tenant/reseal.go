package tenant

import (
	"context"
	"fmt"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Reseal seals the test numbers and signing keys of apps under the newest field key: those of
// limit apps with ids above after that are sealed under another one than
// newest. It returns the last of these ids and how many; 0 when there is none.
func (a *Admin) Reseal(ctx context.Context, newest uint16, after int64, limit int) (last int64, n int, err error) {
	err = records.Update(ctx, a.database, func(q store.SQL) error {
		last, n = 0, 0
		rows, err := records.SealedOtherwise(ctx, q, records.SealedApps, newest, after, limit)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := a.resealApp(ctx, q, core.AppID(row.ID)); err != nil {
				return fmt.Errorf("app %d: %w", row.ID, err)
			}
			last, n = row.ID, n+1
		}
		return nil
	})
	return last, n, classified(err)
}

// resealApp changes nothing that anybody sees, so no revision and no audit row
// come with it.
func (a *Admin) resealApp(ctx context.Context, q store.SQL, id core.AppID) error {
	row, err := appByID(ctx, q, id)
	if err != nil {
		return err
	}
	tests, err := openTests(row.TestNumbers, a.keys)
	if err != nil {
		return err
	}
	if row.TestNumbers, err = sealTests(tests, a.keys); err != nil {
		return err
	}
	signing, err := openSigning(row.Secrets, a.keys)
	if err != nil {
		return err
	}
	if row.Secrets, err = sealSigning(signing, a.keys); err != nil {
		return err
	}
	if ok, err := records.UpdateApp(ctx, q, row); err != nil || !ok {
		return changedOr(err)
	}
	return nil
}
