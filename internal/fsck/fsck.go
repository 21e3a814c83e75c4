package fsck

import (
	"context"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Source is a database that is read.
type Source interface {
	View(ctx context.Context, f func(store.SQL) error) error
}

// damaged is a source that can look at its own file.
type damaged interface {
	CheckFile(ctx context.Context, q store.SQL) ([]string, error)
}

// Options of Run; Source and Now are required.
type Options struct {
	Source   Source
	Ring     *keyring.Ring // nil: what is sealed is not looked at
	Now      time.Time
	Messages time.Duration // for how long messages are kept; receipts of older ones may lead nowhere
	Sample   int           // rows of a table whose sealed fields are opened, the newest; 0: all
}

// Finding is one thing that must not be.
type Finding struct {
	Check string `json:"check"`
	Text  string `json:"text"`
}

// String is the line that is printed.
func (f Finding) String() string { return f.Check + ": " + f.Text }

// Report is what a run found.
type Report struct {
	Ledger   []records.AccountSum `json:"-"` // every account
	Opened   int64                `json:"opened"`
	Findings []Finding            `json:"findings"`
}

// mostFindings of one check are told one by one.
const mostFindings = 50

// Run makes every check on one state of the database. The error is only that
// there was none to read; a check that the database can not answer is a
// finding.
func Run(ctx context.Context, o Options) (Report, error) {
	r := &run{Options: o}
	err := o.Source.View(ctx, func(q store.SQL) error {
		r.q = q
		for _, step := range []func(context.Context) error{r.damage, r.ledger, r.rows, r.links, r.sealed} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return r.Report, err
}

type run struct {
	Options
	Report
	q store.SQL
}

// found notes a finding; n is how many the check has by now, with this one.
func (r *run) found(check, text string, n int) {
	if n <= mostFindings {
		r.Findings = append(r.Findings, Finding{Check: check, Text: text})
	}
}

// done tells how many findings of a check were not told one by one, or that the
// check could not be made.
func (r *run) done(ctx context.Context, check string, n int, err error) error {
	if n > mostFindings {
		r.Findings = append(r.Findings, Finding{Check: check, Text: fmt.Sprintf("and %d more", n-mostFindings)})
	}
	if err != nil && ctx.Err() == nil {
		r.Findings = append(r.Findings, Finding{Check: check, Text: "could not be checked: " + err.Error()})
		return nil
	}
	return err
}

// ask makes a check that is a statement: each row of its answer, one text, is a
// finding.
func (r *run) ask(ctx context.Context, check, sql string, args ...any) error {
	n := 0
	err := r.q.Query(ctx, sql, func(row store.Scanner) error {
		var text string
		err := row.Scan(&text)
		n++
		r.found(check, text, n)
		return err
	}, args...)
	return r.done(ctx, check, n, err)
}

// damage asks the engine whether its file is whole.
func (r *run) damage(ctx context.Context) error {
	source, can := r.Source.(damaged)
	if !can {
		return nil
	}
	lines, err := source.CheckFile(ctx, r.q)
	for i, line := range lines {
		r.found("file", line, i+1)
	}
	return r.done(ctx, "file", len(lines), err)
}
