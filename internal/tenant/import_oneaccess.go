package tenant

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// PrivateKeys takes RSA keys over that sign an app's id tokens (oauth.Keys).
type PrivateKeys interface {
	Import(ctx context.Context, app core.AppID, key *rsa.PrivateKey, kid string) (string, error)
}

// Bounds of a line of the file: a private key of 8192 bits is longer than a number.
const (
	longestKeyLine  = 16 << 10
	mostRSAKeys     = 10
	longestUserName = 256
)

// oneAccessRecord is one line: the client, a key of it, or a user.
type oneAccessRecord struct {
	Type     string `json:"type"`
	ClientID string `json:"client_id"`
	Secret   string `json:"client_secret"`
	TenantID string `json:"tenant_id"`
	Private  string `json:"private_key"`
	KeyID    string `json:"kid"`
	Phone    string `json:"phone"`
	UserID   string `json:"user_id"`
	UserName string `json:"user_name"`
}

// oneAccessFile is a file that was read whole: nothing is changed before all of it
// is known to be valid.
type oneAccessFile struct {
	importFile
	client   oneAccessRecord // Type is empty when there is none
	line     int             // the client's
	keys     []rsaKey
	phones   guard.PhonePolicy
	problems *ImportReport
}

type rsaKey struct {
	line int
	key  *rsa.PrivateKey
	kid  string
}

// ImportOneAccess takes a client, its RSA keys and its users over, with their old
// ids (contracts/README.md §3.5). The format is in docs/import.md. The whole file
// is checked first; a file with a problem changes nothing. After that the client
// is taken over, then the keys, the last of which signs, then each user as a whole
// or reported. Running it again is fine, and revives no secret that was rotated
// away. Errors as ImportYunbox.
func (a *Admin) ImportOneAccess(ctx context.Context, by By, id core.AppID, file io.Reader, dryRun bool, keys PrivateKeys) (ImportReport, error) {
	report := ImportReport{DryRun: dryRun, Errors: []ImportProblem{}}
	if err := a.directory.Refresh(ctx); err != nil {
		return report, classified(err)
	}
	app, found := a.directory.App(id)
	if !found {
		return report, core.E(core.KindNotFound, "no such app")
	}
	f := &oneAccessFile{importFile: newImportFile("user_id"), phones: app.Phones, problems: &report}
	f.phones.OneAccessForm = true
	if err := f.read(file); err != nil {
		return report, err
	}
	if report.Failed == 0 && f.client.Type == "" && app.OneAccess == nil {
		report.Fail(1, "the app has no client: the file needs a client record")
	}
	if report.Failed > 0 {
		return report, nil
	}
	if err := a.importClient(ctx, by, id, f, &report); err != nil || report.Failed > 0 || dryRun {
		return report, err
	}
	report.Applied = true
	return report, a.importRest(ctx, by, id, f, &report, keys)
}

// importRest takes over what comes after the client.
func (a *Admin) importRest(ctx context.Context, by By, id core.AppID, f *oneAccessFile, report *ImportReport, keys PrivateKeys) error {
	for _, k := range f.keys {
		_, err := keys.Import(ctx, id, k.key, k.kid)
		if reason := aboutKey(err); reason != "" {
			report.Fail(k.line, reason)
			continue
		}
		if err != nil {
			return core.Wrap(core.KindInternal, err, "the import broke off: run it again")
		}
		report.Keys++
	}
	app, _ := a.directory.App(id)
	if err := a.importUsers(ctx, app, &f.importFile, report); err != nil {
		return core.Wrap(core.KindInternal, err, "the import broke off: run it again")
	}
	return a.change(ctx, func(q store.SQL) error {
		return a.audit(ctx, q, by, "app.import.end", appObject(id), nil, importCounts{Keys: report.Keys, Users: report.Users, Failed: report.Failed})
	})
}

// aboutKey says why a key was not taken over; "" for success, and for an error that
// has nothing to do with the key.
func aboutKey(err error) string {
	switch {
	case errors.Is(err, core.E(core.KindConflict, "")):
		return "kid: another key has it"
	case errors.Is(err, core.E(core.KindBadField, "")):
		return "private_key: want RSA of 2048 to 8192 bits"
	}
	return ""
}

// read reads and checks a file. Problems of records go into the report; the error
// is about the file.
func (f *oneAccessFile) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, longestKeyLine), longestKeyLine)
	line := 0
	for lines.Scan() {
		line++
		text := lines.Bytes()
		if line == 1 {
			text = bytes.TrimPrefix(text, []byte("\uFEFF"))
		}
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		if f.records++; f.records > mostRecords {
			return core.E(core.KindBodyTooLarge, "more than 500,000 records: split the file")
		}
		if problem := f.add(line, text); problem != "" {
			f.problems.Fail(line, problem)
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		f.problems.Fail(line+1, "the line is longer than 16 KiB; what follows was not read")
		return nil
	}
	return lines.Err()
}

// add takes one record, or says what is wrong with it.
func (f *oneAccessFile) add(line int, text []byte) string {
	var r oneAccessRecord
	if err := strictJSON(string(text), &r); err != nil {
		return "not a JSON object with the members of a record"
	}
	switch r.Type {
	case "client":
		if r != (oneAccessRecord{Type: r.Type, ClientID: r.ClientID, Secret: r.Secret, TenantID: r.TenantID}) {
			return "a client record has type, client_id, client_secret and tenant_id only"
		}
		return f.addClient(line, r)
	case "key":
		if r != (oneAccessRecord{Type: r.Type, Private: r.Private, KeyID: r.KeyID}) {
			return "a key record has type, private_key and kid only"
		}
		return f.addKey(line, r)
	case "user":
		if r != (oneAccessRecord{Type: r.Type, Phone: r.Phone, UserID: r.UserID, UserName: r.UserName}) {
			return "a user record has type, phone, user_id and user_name only"
		}
		return f.addPerson(line, r)
	}
	return "type: want client, key or user"
}

func (f *oneAccessFile) addClient(line int, r oneAccessRecord) string {
	switch {
	case f.client.Type != "" && f.client != r:
		return "an app has one client"
	case !isImportableID(r.ClientID):
		return "client_id: want 1 to 64 characters of A-Z a-z 0-9 _ . -"
	case r.Secret != "" && !isImportableKey(r.Secret):
		return "client_secret: want 8 to 128 visible ASCII characters"
	case r.TenantID != "" && !isImportableID(r.TenantID):
		return "tenant_id: want 1 to 64 characters of A-Z a-z 0-9 _ . -"
	}
	f.client, f.line = r, line
	return ""
}

func (f *oneAccessFile) addKey(line int, r oneAccessRecord) string {
	key, problem := parseRSA(r.Private)
	switch {
	case problem != "":
		return problem
	case r.KeyID != "" && !isImportableID(r.KeyID):
		return "kid: want 1 to 64 characters of A-Z a-z 0-9 _ . -"
	case len(f.keys) == mostRSAKeys:
		return fmt.Sprintf("an app has at most %d keys", mostRSAKeys)
	}
	f.keys = append(f.keys, rsaKey{line: line, key: key, kid: r.KeyID})
	return ""
}

// parseRSA reads a private key: PEM of PKCS #8 or PKCS #1.
func parseRSA(text string) (key *rsa.PrivateKey, problem string) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, "private_key: want one key in PEM"
	}
	defer clear(block.Bytes)
	if pkcs1, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		key = pkcs1
	} else if pkcs8, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		key, _ = pkcs8.(*rsa.PrivateKey)
	}
	if key == nil || key.N.BitLen() < 2048 || key.N.BitLen() > 8192 {
		return nil, "private_key: want RSA of 2048 to 8192 bits, in PKCS #8 or PKCS #1, without a password"
	}
	return key, ""
}

func (f *oneAccessFile) addPerson(line int, r oneAccessRecord) string {
	if len(r.UserName) > longestUserName || strings.ContainsFunc(r.UserName, unicode.IsControl) {
		return "user_name: want at most 256 bytes without control characters"
	}
	problem := f.addUser(line, importRecord{Phone: r.Phone, UID: r.UserID}, f.phones)
	if u := f.byUID[r.UserID]; problem == "" && u != nil {
		u.userName = r.UserName
	}
	return problem
}

// importClient takes the client over, with its secret and its tenant's id, and
// marks the app as one with imported users. A dry run only looks.
func (a *Admin) importClient(ctx context.Context, by By, id core.AppID, f *oneAccessFile, report *ImportReport) error {
	err := a.change(ctx, func(q store.SQL) error {
		*report = ImportReport{DryRun: report.DryRun, Errors: []ImportProblem{}}
		row, err := appByID(ctx, q, id)
		if err != nil {
			return err
		}
		if f.client.Type != "" {
			if err := a.takeClient(ctx, q, &row, f, report); err != nil {
				return err
			}
		}
		if report.Failed > 0 || report.DryRun {
			return errNothing
		}
		row.Imported = row.Imported || len(f.users) > 0
		row.Updated = store.At(a.now())
		if ok, err := records.UpdateApp(ctx, q, row); err != nil || !ok {
			return changedOr(err)
		}
		return a.audit(ctx, q, by, "app.import", appObject(id), nil, importCounts{Keys: len(f.keys), Users: len(f.users)})
	})
	if !errors.Is(err, errNothing) {
		return err
	}
	if report.DryRun && report.Failed == 0 {
		report.Keys += len(f.keys)
		report.Users = len(f.users)
	}
	return nil
}

// takeClient puts the client into the app's row. What is wrong with it goes into
// the report.
func (a *Admin) takeClient(ctx context.Context, q store.SQL, row *records.App, f *oneAccessFile, report *ImportReport) error {
	settings, _, err := a.settingsOf(*row)
	if err != nil {
		return err
	}
	if have := settings.OneAccess; have != nil && have.ClientID != f.client.ClientID {
		report.Fail(f.line, "client_id: the app has another client")
		return nil
	}
	if _, err := a.patchOneAccess(ctx, q, row, OneAccessPatch{ClientID: &f.client.ClientID}); core.KindOf(err) == core.KindConflict {
		report.Fail(f.line, "client_id: another app has it")
		return nil
	} else if err != nil {
		return err
	}
	if err := a.allowDialect(row, DialectOneaccess); core.KindOf(err) == core.KindBadField {
		report.Fail(f.line, "the app can not use the dialect yet: "+core.AsError(err).Field+": "+core.AsError(err).Detail)
		return nil
	} else if err != nil {
		return err
	}
	if f.client.Secret != "" {
		if err := a.takeSecret(ctx, q, row.ID, f, report); err != nil {
			return err
		}
	}
	if f.client.TenantID == "" {
		return nil
	}
	return a.takeTenantID(ctx, q, row, f, report)
}

// allowDialect lets an app use a dialect. KindBadField when its settings do not do
// for that: it may have no signature.
func (a *Admin) allowDialect(row *records.App, d Dialect) error {
	settings, tests, err := a.settingsOf(*row)
	if err != nil || slices.Contains(settings.Dialects, d) {
		return err
	}
	settings.Dialects = append(slices.Clone(settings.Dialects), d)
	if err := a.check(row.Name, settings, tests); err != nil {
		return err
	}
	row.Settings, err = settings.encode()
	return err
}

// takeSecret adds the client's secret. One that the app has or had stays as it is.
func (a *Admin) takeSecret(ctx context.Context, q store.SQL, app core.AppID, f *oneAccessFile, report *ImportReport) error {
	key := clientKey(f.client.ClientID, f.client.Secret)
	report.Keys++
	for _, hash := range a.keys.TokenHashes(key.Reveal()) {
		if _, taken, err := records.CredentialByHash(ctx, q, hash); err != nil || taken {
			return err
		}
	}
	_, err := a.insertKey(ctx, q, app, DialectOneaccess, key)
	return err
}

// takeTenantID gives the app's tenant the id that callers know. It is refused where
// callers of another app of the tenant know the one that it has.
func (a *Admin) takeTenantID(ctx context.Context, q store.SQL, row *records.App, f *oneAccessFile, report *ImportReport) error {
	of, err := tenantByID(ctx, q, row.Tenant)
	if err != nil || of.PublicID == f.client.TenantID {
		return err
	}
	if _, err := tenantWhere(ctx, q, func(t records.Tenant) bool { return t.PublicID == f.client.TenantID }); err == nil {
		report.Fail(f.line, "tenant_id: another tenant has it")
		return nil
	} else if core.KindOf(err) != core.KindNotFound {
		return err
	}
	err = a.eachApp(ctx, q, func(other records.App, s Settings) error {
		if other.Tenant == row.Tenant && other.ID != row.ID && s.OneAccess != nil && report.Failed == 0 {
			report.Fail(f.line, "tenant_id: another app of the tenant is called with the one that it has")
		}
		return nil
	})
	if err != nil || report.Failed > 0 {
		return err
	}
	of.PublicID = f.client.TenantID
	if ok, err := records.UpdateTenant(ctx, q, of); err != nil || !ok {
		return changedOr(err)
	}
	return nil
}
