package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/fsck"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

type fsckCommand struct {
	place
	All  bool `help:"Open every sealed field, not only those of the newest 1,000 rows of each table."`
	JSON bool `help:"Print JSON." name:"json"`
}

// fsckSample is how many rows of each table are opened without --all.
const fsckSample = 1000

// Run checks one state of the database and changes nothing: a server may be
// running. Findings are exit code 1.
func (c fsckCommand) Run(ctx context.Context, w World) error {
	conf, err := c.conf(w)
	if err != nil {
		return err
	}
	db, err := openSource(ctx, conf, false)
	if err != nil {
		return err
	}
	report, err := c.check(ctx, conf, db)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := c.print(w, report); err != nil {
		return err
	}
	if len(report.Findings) > 0 {
		return errSaid
	}
	return nil
}

func (c fsckCommand) check(ctx context.Context, conf config.Config, db source) (fsck.Report, error) {
	o := fsck.Options{Source: db, Now: time.Now(), Messages: conf.Retention.Messages.D(), Sample: fsckSample}
	if c.All {
		o.Sample = 0
	}
	ring, problem := ringOf(ctx, conf, db)
	o.Ring = ring
	report, err := fsck.Run(ctx, o)
	if problem != nil {
		report.Findings = append(report.Findings, fsck.Finding{Check: "keyring", Text: problem.Error() + "; what is sealed was not looked at"})
	}
	return report, err
}

// ringOf opens the keyring that belongs to the database; none when that was
// never served.
func ringOf(ctx context.Context, c config.Config, db source) (*keyring.Ring, error) {
	var installation string
	var generation uint64
	err := db.View(ctx, func(q store.SQL) (err error) {
		installation, generation, err = records.BoundKeyring(ctx, q)
		return err
	})
	if err != nil || installation == "" {
		return nil, err
	}
	ring, err := openKeyring(c)
	if err == nil {
		err = ring.CheckDatabase(installation, generation)
	}
	if err != nil {
		return nil, err
	}
	return ring, nil
}

func (c fsckCommand) print(w World, r fsck.Report) error {
	if c.JSON {
		return printJSON(w.Stdout, struct {
			fsck.Report
			Ledger []kindSum `json:"ledger"`
		}{r, sumsByKind(r.Ledger)})
	}
	if err := printSums(w, r.Ledger); err != nil {
		return err
	}
	for _, f := range r.Findings {
		if _, err := fmt.Fprintln(w.Stdout, visible(f.String())); err != nil {
			return err
		}
	}
	verdict := fmt.Sprintf("ok: nothing wrong was found; %d rows with sealed fields were opened", r.Opened)
	if n := len(r.Findings); n > 0 {
		verdict = fmt.Sprintf("%d findings", n)
	}
	_, err := fmt.Fprintln(w.Stdout, verdict)
	return err
}
