package tenant

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Bounds of an appkey that was issued elsewhere.
const (
	shortestAppKey = 6
	longestAppKey  = 128
	mostAppIDs     = 100 // of one app
)

// submailRecord is one line of the file.
type submailRecord struct {
	Type   string `json:"type"`
	AppID  string `json:"appid"`
	AppKey string `json:"appkey"`
}

// ImportSubmail takes appids with their appkeys over, verbatim (contracts/README.md
// §3.5): lines of {"type":"app","appid":"…","appkey":"…"}. All of the file is
// taken over, or nothing; the report lists what is wrong. Running it again is
// fine, and revives no key that was rotated away. Errors: KindNotFound for the
// app, or the reader's error.
func (a *Admin) ImportSubmail(ctx context.Context, by By, id core.AppID, file io.Reader, dryRun bool) (ImportReport, error) {
	report := ImportReport{DryRun: dryRun, Errors: []ImportProblem{}}
	pairs, err := readSubmail(file, &report)
	if err != nil {
		return report, err
	}
	if report.Failed > 0 {
		return report, nil
	}
	_, err = a.changeSigning(ctx, by, "app.import_submail", id, func(ctx context.Context, q store.SQL, signing []SigningKey) ([]SigningKey, error) {
		report.Keys, report.Failed, report.Errors = 0, 0, []ImportProblem{}
		for _, p := range pairs {
			next, problem, err := a.takeOver(ctx, q, id, signing, p)
			switch {
			case err != nil:
				return nil, err
			case problem != "":
				report.Fail(p.line, problem)
			default:
				signing = next
				report.Keys++
			}
		}
		if report.Failed > 0 || dryRun {
			return nil, errNothing
		}
		return signing, nil
	})
	if errors.Is(err, errNothing) {
		return report, nil
	}
	report.Applied = err == nil
	return report, err
}

// errNothing takes a transaction back that was only a look.
var errNothing = core.E(core.KindConflict, "nothing is to be changed")

type submailPair struct {
	SubmailKey
	line int
}

func readSubmail(file io.Reader, report *ImportReport) (pairs []submailPair, err error) {
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, longestLine), longestLine)
	for line := 1; lines.Scan(); line++ {
		text := bytes.TrimSpace(bytes.TrimPrefix(lines.Bytes(), []byte("\uFEFF")))
		if len(text) == 0 {
			continue
		}
		var r submailRecord
		switch err := strictJSON(string(text), &r); {
		case err != nil || r.Type != "app":
			report.Fail(line, "want an object with type app, appid and appkey")
		case !isImportableID(r.AppID):
			report.Fail(line, "appid: want 1 to 64 characters of A-Z a-z 0-9 _ . -")
		case len(r.AppKey) < shortestAppKey || len(r.AppKey) > longestAppKey || !isVisible(r.AppKey):
			report.Fail(line, fmt.Sprintf("appkey: want %d to %d visible ASCII characters", shortestAppKey, longestAppKey))
		case len(pairs) == mostAppIDs:
			report.Fail(line, fmt.Sprintf("one app has at most %d appids", mostAppIDs))
			return nil, nil
		default:
			pairs = append(pairs, submailPair{SubmailKey{r.AppID, core.NewSecret(r.AppKey)}, line})
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		report.Fail(1, "a line is longer than 4 KiB")
		return nil, nil
	}
	return pairs, lines.Err()
}

// takeOver adds one pair, or says why not.
func (a *Admin) takeOver(ctx context.Context, q store.SQL, id core.AppID, signing []SigningKey, p submailPair) (changed []SigningKey, problem string, err error) {
	mine := func(k SigningKey) bool { return k.Dialect == DialectSubmail && k.Name == p.AppID }
	switch {
	case slices.ContainsFunc(signing, func(k SigningKey) bool { return mine(k) && k.Key == p.Key }):
		return signing, "", nil // it has it, or had it
	case slices.ContainsFunc(signing, mine):
		return nil, "appid: the app has it with another appkey", nil
	}
	changed, err = a.withKey(ctx, q, id, signing, p.SubmailKey, a.now())
	if core.KindOf(err) == core.KindConflict {
		return nil, "appid: another app has it", nil
	}
	return changed, "", err
}
