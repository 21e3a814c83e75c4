package sqlite

import (
	"fmt"

	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/store"
)

// mapped gives an error of the library the names of package store. Messages of
// SQLite hold names of tables and columns, never values.
func mapped(err error) error {
	if err == nil {
		return nil
	}
	switch code := zsqlite.ErrCode(err); code {
	case zsqlite.ResultConstraintUnique, zsqlite.ResultConstraintPrimaryKey, zsqlite.ResultConstraintRowID:
		return fmt.Errorf("%w: %w", store.ErrUnique, err)
	default:
		switch code.ToPrimary() {
		case zsqlite.ResultFull:
			return fmt.Errorf("the disk of the database is %w: %w", ErrFull, err)
		case zsqlite.ResultReadOnly:
			return fmt.Errorf("the database is %w: %w", ErrReadOnly, err)
		case zsqlite.ResultCorrupt, zsqlite.ResultNotADB:
			return fmt.Errorf("the database is %w: %w", ErrDamaged, err)
		default:
			return err
		}
	}
}

// mappedCommit adds what is known about a commit that failed. The commit record
// is the last thing written to the WAL: when there was no room for it, or the
// commit was refused before, the transaction left no trace. After an
// input/output error nobody knows.
func mappedCommit(err error) error {
	if err == nil {
		return nil
	}
	switch zsqlite.ErrCode(err).ToPrimary() {
	case zsqlite.ResultFull, zsqlite.ResultBusy, zsqlite.ResultLocked, zsqlite.ResultReadOnly, zsqlite.ResultConstraint, zsqlite.ResultInterrupt:
		return fmt.Errorf("%w: %w", store.ErrNotCommitted, mapped(err))
	default:
		return mapped(err)
	}
}
