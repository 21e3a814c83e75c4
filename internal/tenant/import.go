package tenant

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"slices"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
)

// Bounds of one import file (docs/import.md). A larger one is split.
const (
	mostRecords  = 500_000
	longestLine  = 4 << 10
	mostProblems = 100 // that are listed; the others are counted
)

// ImportReport says what an import did, or would do.
type ImportReport struct {
	DryRun  bool `json:"dry_run"`
	Applied bool `json:"applied"` // false: nothing was changed
	Keys    int  `json:"keys"`    // records that are in the installation now, here and below
	Users   int  `json:"users"`
	Devices int  `json:"devices"`

	Templates  int `json:"templates,omitempty"`
	Signatures int `json:"signatures,omitempty"`

	Failed int             `json:"failed"` // records that are not
	Errors []ImportProblem `json:"errors"` // the first hundred
}

// ImportProblem is why a record was not taken. It quotes neither a number nor
// a key.
type ImportProblem struct {
	Line    int    `json:"line"` // from 1
	Message string `json:"message"`
}

// Fail notes a record that is not taken over, and why.
func (r *ImportReport) Fail(line int, message string) {
	r.Failed++
	if len(r.Errors) < mostProblems {
		r.Errors = append(r.Errors, ImportProblem{Line: line, Message: message})
	}
}

// importFile is a file that was read whole: nothing is changed before all of
// it is known to be valid.
type importFile struct {
	keys    []importKey
	users   []*importUser
	byUID   map[string]*importUser
	byPhone map[core.Phone]*importUser
	devices map[string]*importUser // whose a device id is
	records int
	idName  string // of the member that holds a user's id
}

func newImportFile(idName string) importFile {
	return importFile{byUID: map[string]*importUser{}, byPhone: map[core.Phone]*importUser{}, devices: map[string]*importUser{}, idName: idName}
}

type importKey struct {
	line int
	key  core.Secret
}

type importUser struct {
	line    int
	phone   core.Phone
	uid     string
	devices []importDevice

	userName string // of the oneaccess dialect; "" = none
}

type importDevice struct {
	line    int
	id      string
	created time.Time
}

// importRecord is one line: a key, a user, or a device of a user above it.
type importRecord struct {
	Type     string `json:"type"`
	Key      string `json:"key"`
	Phone    string `json:"phone"`
	UID      string `json:"yb_uid"`
	DeviceID string `json:"device_id"`
	Created  string `json:"created"`
}

// readImport reads and checks a file. Problems of records go into the report;
// the error is about the file: KindBodyTooLarge for too many records, the
// reader's own error otherwise.
func readImport(r io.Reader, phones guard.PhonePolicy, report *ImportReport) (*importFile, error) {
	file := newImportFile("yb_uid")
	f := &file
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, longestLine), longestLine)
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
			return nil, core.E(core.KindBodyTooLarge, "more than 500,000 records: split the file")
		}
		if problem := f.add(line, text, phones); problem != "" {
			report.Fail(line, problem)
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		report.Fail(line+1, "the line is longer than 4 KiB; what follows was not read")
		return f, nil
	}
	return f, lines.Err()
}

// add takes one record, or says what is wrong with it.
func (f *importFile) add(line int, text []byte, phones guard.PhonePolicy) string {
	var r importRecord
	if err := strictJSON(string(text), &r); err != nil {
		return "not a JSON object with the members of a record"
	}
	switch r.Type {
	case "key":
		if r != (importRecord{Type: r.Type, Key: r.Key}) {
			return "a key record has type and key only"
		}
		return f.addKey(line, r)
	case "user":
		if r != (importRecord{Type: r.Type, Phone: r.Phone, UID: r.UID}) {
			return "a user record has type, phone and yb_uid only"
		}
		return f.addUser(line, r, phones)
	case "device":
		if r != (importRecord{Type: r.Type, UID: r.UID, DeviceID: r.DeviceID, Created: r.Created}) {
			return "a device record has type, yb_uid, device_id and created only"
		}
		return f.addDevice(line, r)
	}
	return "type: want key, user or device"
}

func (f *importFile) addKey(line int, r importRecord) string {
	if !isImportableKey(r.Key) {
		return "key: want 8 to 128 visible ASCII characters"
	}
	f.keys = append(f.keys, importKey{line: line, key: core.NewSecret(r.Key)})
	return ""
}

func (f *importFile) addUser(line int, r importRecord, phones guard.PhonePolicy) string {
	if !isImportableID(r.UID) {
		return f.idName + ": want 1 to 64 characters of A-Z a-z 0-9 _ . -"
	}
	phone, err := guard.ParsePhone(r.Phone, phones)
	if err != nil {
		return "phone: no mobile number of a country that the app may send to"
	}
	sameUID, samePhone := f.byUID[r.UID], f.byPhone[phone]
	switch {
	case sameUID != nil && sameUID == samePhone:
		return "" // the same record once more
	case sameUID != nil:
		return f.idName + ": stands in the file with another number"
	case samePhone != nil:
		return "phone: stands in the file with another " + f.idName
	}
	u := &importUser{line: line, phone: phone, uid: r.UID}
	f.users = append(f.users, u)
	f.byUID[r.UID], f.byPhone[phone] = u, u
	return ""
}

func (f *importFile) addDevice(line int, r importRecord) string {
	created, err := time.Parse(time.RFC3339, r.Created)
	user, owner := f.byUID[r.UID], f.devices[r.DeviceID]
	switch {
	case err != nil:
		return "created: want a time as 2023-05-01T08:00:00Z"
	case !isImportableID(r.DeviceID):
		return "device_id: want 1 to 64 characters of A-Z a-z 0-9 _ . -"
	case user == nil:
		return "yb_uid: no user record of it above"
	case owner == user:
		return ""
	case owner != nil:
		return "device_id: stands in the file with another yb_uid"
	}
	f.devices[r.DeviceID] = user
	user.devices = append(user.devices, importDevice{line: line, id: r.DeviceID, created: created})
	return ""
}

// sortDevices puts every user's devices in the order of their creation: the
// newest is listed first (contracts/yunbox.md §7), and gets its row last.
func (f *importFile) sortDevices() {
	for _, u := range f.users {
		slices.SortStableFunc(u.devices, func(a, b importDevice) int { return cmp.Compare(a.created.UnixNano(), b.created.UnixNano()) })
	}
}

// isImportableID is contracts/README.md §3.5: 1 to 64 characters of
// [A-Za-z0-9_.-].
func isImportableID(id string) bool {
	for i := 0; i < len(id); i++ {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 64
}
