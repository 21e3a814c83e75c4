package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"yanma.dev/yanma/internal/store"
)

// Conditions by their SQLSTATE.
const (
	uniqueViolation     = "23505"
	serializationFailed = "40001"
	deadlock            = "40P01"
	lockNotAvailable    = "55P03" // lock_timeout
	readOnlyTransaction = "25006"
	diskFull            = "53100"
	unknownSetting      = "42704"
	duplicateTable      = "42P07"
)

// mapped gives an error from before a commit the names of package store. The
// messages of PostgreSQL that are kept hold names of tables and constraints;
// details, which hold values, are left out.
func mapped(err error) error {
	if err == nil {
		return nil
	}
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused):
		return mappedRefusal(refused)
	case pgconn.Timeout(err), errors.Is(err, context.Canceled):
		return err
	default:
		// The connection is gone, and the transaction with it.
		return fmt.Errorf("%w: %w", store.ErrAgain, err)
	}
}

func mappedRefusal(err *pgconn.PgError) error {
	switch err.Code {
	case uniqueViolation:
		return fmt.Errorf("%w: %w", store.ErrUnique, err)
	case serializationFailed, deadlock, lockNotAvailable:
		return fmt.Errorf("%w: %w", store.ErrAgain, err)
	case readOnlyTransaction:
		return fmt.Errorf("the database is %w: %w", ErrReadOnly, err)
	case diskFull:
		return fmt.Errorf("the disk of the database is %w: %w", ErrFull, err)
	}
	if err.SeverityUnlocalized == "FATAL" {
		return fmt.Errorf("%w: %w", store.ErrAgain, err) // the server ends the connection
	}
	return err
}

var errRolledBack = errors.New("postgres: the transaction had failed before")

// mappedCommit is for a round trip that ends with COMMIT, whose answer was
// last. A statement that the server refused took everything back. When the
// connection breaks, or the server ends it, nobody knows: the answer may be
// what was lost.
func mappedCommit(last string, err error) error {
	var refused *pgconn.PgError
	switch {
	case err == nil && last == "COMMIT":
		return nil
	case err == nil: // "ROLLBACK"
		return fmt.Errorf("%w: %w", store.ErrNotCommitted, errRolledBack)
	case errors.As(err, &refused) && refused.SeverityUnlocalized == "ERROR":
		return fmt.Errorf("%w: %w", store.ErrNotCommitted, mappedRefusal(refused))
	case pgconn.SafeToRetry(err): // nothing was sent
		return fmt.Errorf("%w: %w", store.ErrNotCommitted, err)
	default:
		return fmt.Errorf("nobody knows whether it was committed: %w", err)
	}
}
