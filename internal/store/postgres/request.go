package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// request is one round trip: statements that are sent together and whose
// answers are read together.
type request struct {
	conn     *conn
	pipeline *pgconn.Pipeline
	bound    *statement
	answers  []func(*fields) // what to do with each statement's rows
	cancel   context.CancelFunc
}

var binaryFormat = []int16{1}

// request starts a round trip that must be over within limit.
func (c *conn) request(ctx context.Context, limit time.Duration) *request {
	ctx, cancel := context.WithTimeout(ctx, limit)
	q := &c.reused
	*q = request{conn: c, pipeline: c.pg.StartPipeline(ctx), answers: q.answers[:0], cancel: cancel}
	return q
}

// bind begins a statement over many rows; its rows go into what it returns, and
// then it is sent.
func (q *request) bind(s *statement) *arrays {
	q.bound = s
	q.conn.arrays.begin(s.params)
	return &q.conn.arrays
}

// send sends the statement that was bound, unless there is no row for it. f
// takes each row of the answer.
func (q *request) send(f func(*fields)) {
	if q.conn.arrays.rows == 0 {
		return
	}
	q.pipeline.SendQueryStatement(q.conn.prepared[q.bound.number], q.conn.arrays.end(), binaryFormat, binaryFormat)
	q.answers = append(q.answers, f)
}

// plain sends a statement without parameters and answer, such as BEGIN.
func (q *request) plain(s *statement) {
	q.pipeline.SendQueryStatement(q.conn.prepared[s.number], nil, nil, binaryFormat)
	q.answers = append(q.answers, nil)
}

// run sends everything, reads the answers, and returns what the last statement
// was answered with, such as "COMMIT". After an error the server runs none of
// the statements behind the one that failed.
func (q *request) run() (last string, err error) {
	defer q.cancel()
	if err := q.pipeline.Sync(); err != nil {
		_ = q.pipeline.Close()
		return "", err
	}
	for _, f := range q.answers {
		if last, err = q.answer(f); err != nil {
			_ = q.pipeline.Close() // repeats the error, or says that the connection is gone
			return "", err
		}
	}
	return last, q.pipeline.Close()
}

var errAnswer = errors.New("postgres: the server's answers do not match what was sent")

func (q *request) answer(f func(*fields)) (string, error) {
	results, err := q.pipeline.GetResults()
	if err != nil {
		return "", err
	}
	rows, ok := results.(*pgconn.ResultReader)
	if !ok {
		return "", errAnswer
	}
	var row fields
	for rows.NextRow() {
		if f != nil {
			row = fields{values: rows.Values()}
			f(&row)
		}
	}
	tag, err := rows.Close()
	return tag.String(), err
}

// prepare readies every statement of batches, in one round trip.
func (c *conn) prepare(ctx context.Context, all []*statement, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p := c.pg.StartPipeline(ctx)
	for _, s := range all {
		p.SendPrepare(s.name(), s.sql, nil)
	}
	if err := p.Sync(); err != nil {
		return err
	}
	prepared := make([]*pgconn.StatementDescription, len(all))
	for i, s := range all {
		results, err := p.GetResults()
		if err != nil {
			_ = p.Close()
			return fmt.Errorf("%s: %w", s.sql, err)
		}
		d, ok := results.(*pgconn.StatementDescription)
		if !ok {
			_ = p.Close()
			return fmt.Errorf("%s: %w", s.sql, errAnswer)
		}
		d.Name = s.name()
		prepared[i] = d
	}
	if err := p.Close(); err != nil {
		return err
	}
	c.prepared = prepared
	return nil
}
