package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/backup"
	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/store/sqlite"
)

type restoreCommand struct {
	File string `arg:"" help:"A file that yanma backup wrote."`
	place
	Move bool `help:"Keep live codes and queued messages: the server that had them was stopped for good before the backup."`
	JSON bool `help:"Print JSON." name:"json"`
}

// Run makes the database of the file where the configuration wants it, which
// must be empty.
func (c restoreCommand) Run(ctx context.Context, w World) error {
	conf, err := c.conf(w)
	if err != nil {
		return err
	}
	file, err := backup.Open(c.File)
	if err != nil {
		return err
	}
	report, err := restore(ctx, conf, file, c.Move)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(w.Stdout, struct {
			backup.Report
			Ledger []kindSum `json:"ledger"`
			Drift  []string  `json:"drift"`
		}{report, sumsByKind(report.Ledger), drifts(report.Ledger)})
	}
	return printRestored(w, file.Header, report)
}

func restore(ctx context.Context, c config.Config, file *backup.File, move bool) (backup.Report, error) {
	o := backup.RestoreOptions{File: file, Now: time.Now, Node: c.Store.Node, Move: move,
		Ring: func() (*keyring.Ring, error) { return openKeyring(c) }}
	if c.Store.Database.IsZero() {
		o.Target = sqlite.NewTarget(openFolder(c.Store.Data))
		return backup.Restore(ctx, o)
	}
	e, err := postgres.Open(ctx, openPostgres(c.Store.Database.Reveal()))
	if err != nil {
		return backup.Report{}, err
	}
	o.Target = e
	report, err := backup.Restore(ctx, o)
	return report, errors.Join(err, e.Close())
}

func printRestored(w World, head backup.Header, r backup.Report) error {
	rows := int64(0)
	for _, t := range head.Tables {
		rows += t.Rows
	}
	did := facts{{"restored", fmt.Sprintf("%d rows of %d tables, as of %s, read again and equal", rows, len(head.Tables), instant(head.At))}}
	if r.Move {
		did = append(did, [2]string{"moved", "live codes and queued messages go on; never start the old server again"})
	} else {
		did = append(did, retired(r.Retired)...)
	}
	if r.Indexed.Anew > 0 {
		did = append(did, [2]string{"numbers indexed anew", strconv.FormatInt(r.Indexed.Anew, 10)})
	}
	if r.Indexed.Unreadable > 0 {
		did = append(did, [2]string{"numbers that can not be read", strconv.FormatInt(r.Indexed.Unreadable, 10)})
	}
	if r.Indexed.Twins > 0 {
		did = append(did, [2]string{"rows of a number that another row has", fmt.Sprintf("%d: see yanma fsck", r.Indexed.Twins)})
	}
	if err := did.print(w.Stdout); err != nil {
		return err
	}
	return printLedger(w, r.Ledger)
}

func retired(r backup.Retired) facts {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	did := facts{
		{"codes that died", number(r.Codes)},
		{"messages that ended unsent", number(r.Messages)},
		{"reservations refunded", fmt.Sprintf("%d, %d credits", r.Refunds, r.Refunded)},
		{"texts erased", number(r.Texts)},
		{"pending devices taken back", number(r.Devices)},
		{"one-time tokens dropped", number(r.Tokens)},
		{"early receipts dropped", number(r.Receipts)},
	}
	if r.Unrefunded > 0 {
		did = append(did, [2]string{"not refunded", fmt.Sprintf("%d credits that no account holds: see yanma fsck", r.Unrefunded)})
	}
	return did
}

// kindSum is the sums of one kind of account.
type kindSum struct {
	Kind     string       `json:"kind"`
	Accounts int          `json:"accounts"`
	Balance  core.Credits `json:"balance"`
	Ledger   core.Credits `json:"ledger"`
}

func sumsByKind(all []records.AccountSum) []kindSum {
	sums := []kindSum{{Kind: "available"}, {Kind: "held"}, {Kind: "revenue"}, {Kind: "funding"}, {Kind: "total"}}
	for _, a := range all {
		kind := int(a.Account & 15)
		for _, i := range []int{kind - 1, len(sums) - 1} {
			if i >= 0 && i < len(sums) {
				sums[i].Accounts++
				sums[i].Balance += a.Balance
				sums[i].Ledger += a.Ledger
			}
		}
	}
	return sums
}

// drifts is a line for each account whose balance is not what the rows of the
// ledger say.
func drifts(all []records.AccountSum) []string {
	lines := []string{}
	for _, a := range all {
		if a.Drift() != 0 || a.Missing {
			lines = append(lines, fmt.Sprintf("%s: balance %d, ledger %d, drift %d", billing.Name(a.Account), a.Balance, a.Ledger, a.Drift()))
		}
	}
	return lines
}

// printLedger prints the sums of the accounts against the rows of the ledger,
// and each account that differs.
func printLedger(w World, all []records.AccountSum) error {
	if err := printSums(w, all); err != nil {
		return err
	}
	for _, line := range drifts(all) {
		if _, err := fmt.Fprintln(w.Stdout, "drift:", line); err != nil {
			return err
		}
	}
	return nil
}

func printSums(w World, all []records.AccountSum) error {
	rows := table{{"LEDGER", "ACCOUNTS", "BALANCES", "ROWS", "DRIFT"}}
	for _, s := range sumsByKind(all) {
		rows = append(rows, []string{s.Kind, strconv.Itoa(s.Accounts), strconv.FormatInt(int64(s.Balance), 10),
			strconv.FormatInt(int64(s.Ledger), 10), strconv.FormatInt(int64(s.Balance-s.Ledger), 10)})
	}
	return rows.print(w.Stdout)
}
