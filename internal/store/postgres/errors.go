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
	checkViolation      = "23514"
	divisionByZero      = "22012" // what meeting.go fails with
	serializationFailed = "40001"
	deadlock            = "40P01"
	lockNotAvailable    = "55P03" // lock_timeout
	readOnlyTransaction = "25006"
	diskFull            = "53100"
	dataCorrupted       = "XX001"
	indexCorrupted      = "XX002"
	unknownSetting      = "42704"
	duplicateTable      = "42P07"
	duplicateType       = "42710" // a table that is made at the same time, seen by its row type
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
	case timedOut(err), errors.Is(err, context.Canceled):
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
	case serializationFailed, deadlock, lockNotAvailable, divisionByZero:
		return fmt.Errorf("%w: %w", store.ErrAgain, err)
	case readOnlyTransaction:
		return fmt.Errorf("the database is %w: %w", ErrReadOnly, err)
	case diskFull:
		return fmt.Errorf("the disk of the database is %w: %w", ErrFull, err)
	case dataCorrupted, indexCorrupted:
		return fmt.Errorf("the database is %w: %w", ErrDamaged, err)
	}
	if err.SeverityUnlocalized == "FATAL" {
		return fmt.Errorf("%w: %w", store.ErrAgain, err) // the server ends the connection
	}
	return err
}

// errNoAnswer is the end of a statement's own time limit.
var errNoAnswer = errors.New("postgres: no answer in time")

func timedOut(err error) bool { return errors.Is(err, errNoAnswer) || pgconn.Timeout(err) }

// execute runs statements without parameters, within the time that ctx has.
func execute(ctx context.Context, pg *pgconn.PgConn, sql string) (last string, err error) {
	results, err := pg.Exec(ctx, sql).ReadAll()
	if n := len(results); n > 0 {
		last = results[n-1].CommandTag.String()
	}
	// The reader of several results loses the reason why a connection was closed.
	var refused *pgconn.PgError
	if err != nil && !errors.As(err, &refused) && ctx.Err() != nil {
		err = errors.Join(errNoAnswer, ctx.Err())
	}
	return last, err
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
	default: // pgconn.SafeToRetry is no help: it says so of a reader that finds the connection closed

		return fmt.Errorf("nobody knows whether it was committed: %w", err)
	}
}
