package catalogue

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/tenant"
)

// Pairs takes jsms credentials over (tenant.Admin).
type Pairs interface {
	EnsureDialect(ctx context.Context, by tenant.By, id core.AppID, d tenant.Dialect) error
	EnsureJSMS(ctx context.Context, by tenant.By, id core.AppID, of tenant.Dialect, pair tenant.JSMSKey) (tenant.AppView, error)
}

// Bounds of a file.
const (
	longestLine = 16 << 10 // bytes
	mostLines   = 10_000
)

// jsmsRecord is one line of a file: a pair, a template or a signature
// (docs/import.md). Ids stand as the vendor issued them.
type jsmsRecord struct {
	Type   string      `json:"type"`
	Key    string      `json:"key"`
	Secret string      `json:"secret"`
	ID     json.Number `json:"id"`
	Text   string      `json:"text"`
	Kind   int         `json:"kind"`
	TTL    int         `json:"ttl"`
	Remark string      `json:"remark"`
	Status int         `json:"status"`

	line int
}

// ImportJSMS takes pairs, templates and signatures of a jsms account over, with
// their old ids (contracts/README.md §3.5). A file with a record that is not
// valid changes nothing; the report lists them. What is there already stays as
// it is, so that a run that broke off is run again. Errors: KindNotFound for the
// app, KindBadField for the file, or the reader's error.
func (a *Admin) ImportJSMS(ctx context.Context, by tenant.By, id core.AppID, pairs Pairs, file io.Reader, dryRun bool) (tenant.ImportReport, error) {
	report := tenant.ImportReport{DryRun: dryRun, Errors: []tenant.ImportProblem{}}
	app, err := a.app(id)
	if err != nil {
		return report, err
	}
	records, err := readJSMS(file, &report)
	if err != nil {
		return report, err
	}
	for i := range records {
		if err := a.checkRecord(app, &records[i]); err != nil {
			report.Fail(records[i].line, problemOf(err))
		}
	}
	if report.Failed > 0 || dryRun {
		slices.SortFunc(report.Errors, func(a, b tenant.ImportProblem) int { return a.Line - b.Line })
		return report, nil
	}
	for i := range records {
		if err := a.take(ctx, by, id, pairs, &records[i], &report); err != nil {
			return report, err
		}
	}
	report.Applied = true
	return report, nil
}

func problemOf(err error) string {
	e := core.AsError(err)
	if e.Detail != "" {
		return e.Detail
	}
	return e.Kind.String() + " " + e.Field
}

func readJSMS(file io.Reader, report *tenant.ImportReport) (records []jsmsRecord, err error) {
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, longestLine), longestLine)
	for n := 1; lines.Scan(); n++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		if len(records) == mostLines {
			return nil, &core.Error{Kind: core.KindBadField, Field: "file", Detail: fmt.Sprintf("over %d records: split the file", mostLines)}
		}
		r := jsmsRecord{line: n}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if d.Decode(&r) != nil || d.More() {
			report.Fail(n, "not a JSON object with the members of docs/import.md")
			continue
		}
		records = append(records, r)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, &core.Error{Kind: core.KindBadField, Field: "file", Detail: "a line is over 16 KiB"}
	}
	return records, lines.Err()
}

func (r *jsmsRecord) state() message.Audit {
	return message.Audit(min(max(r.Status, 0), int(message.Rejected)))
}

// checkRecord finds what would be refused.
func (a *Admin) checkRecord(app *tenant.App, r *jsmsRecord) error {
	switch r.Type {
	case "app", "developer":
		return tenant.CheckJSMS(tenant.JSMSKey{Name: r.Key, Secret: core.NewSecret(r.Secret)})
	case "template":
		if _, err := refOf(0, r.ID.String()); err != nil || r.ID == "" {
			return errRef
		}
		t := message.Template{App: app.ID, Text: r.Text, Kind: message.Kind(r.Kind), TTL: time.Duration(r.TTL) * time.Second, Remark: r.Remark}
		return t.Check(app.Template.Signature, a.o.Longest, a.o.Words)
	case "sign":
		if _, err := refOf(0, r.ID.String()); err != nil || r.ID == "" {
			return errRef
		}
		s := message.Signature{App: app.ID, Text: r.Text, Kind: uint8(r.Kind), Remark: r.Remark}
		return s.Check()
	}
	return &core.Error{Kind: core.KindBadField, Field: "type", Detail: "want app, developer, template or sign"}
}

// take takes one record over; one that is there stays as it is.
func (a *Admin) take(ctx context.Context, by tenant.By, id core.AppID, pairs Pairs, r *jsmsRecord, report *tenant.ImportReport) error {
	switch r.Type {
	case "app", "developer":
		report.Keys++
		of := tenant.DialectJSMS
		if r.Type == "developer" {
			of = tenant.DialectJSMSDeveloper
		}
		if err := pairs.EnsureDialect(ctx, by, id, tenant.DialectJSMS); err != nil {
			return err
		}
		_, err := pairs.EnsureJSMS(ctx, by, id, of, tenant.JSMSKey{Name: r.Key, Secret: core.NewSecret(r.Secret)})
		return err
	case "template":
		report.Templates++
		_, err := a.AddTemplate(ctx, by, NewTemplate{App: id, Ref: r.ID.String(), Kind: message.Kind(r.Kind), Text: r.Text,
			TTL: time.Duration(r.TTL) * time.Second, Remark: r.Remark})
		if core.KindOf(err) == core.KindConflict {
			return nil
		}
		if err == nil && r.state() != message.Pending {
			_, err = a.JudgeTemplate(ctx, by, id, r.ID.String(), Verdict{Approve: r.state() == message.Approved})
		}
		return err
	default:
		report.Signatures++
		_, err := a.AddSignature(ctx, by, NewSignature{App: id, Ref: r.ID.String(), Text: r.Text, Kind: uint8(r.Kind), Remark: r.Remark})
		if core.KindOf(err) == core.KindConflict {
			return nil
		}
		if err == nil && r.state() != message.Pending {
			_, err = a.JudgeSignature(ctx, by, id, r.ID.String(), Verdict{Approve: r.state() == message.Approved})
		}
		return err
	}
}
