package keyring

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/core"
)

func TestCreateThenOpen(t *testing.T) {
	r := newRing(t)
	info, err := os.Stat(r.path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %o, want 600", info.Mode().Perm())
	}
	if _, ok := core.DecodeID128(r.InstallationID()); !ok {
		t.Errorf("installation id %q", r.InstallationID())
	}
	if again := reopen(t, r); again.InstallationID() != r.InstallationID() || again.Generation() != 1 {
		t.Errorf("reopened as %v, generation %d", again, again.Generation())
	}
	if other := newRing(t); other.InstallationID() == r.InstallationID() {
		t.Error("two installations have one id")
	}
	if files, _ := os.ReadDir(filepath.Dir(r.path)); len(files) != 1 {
		t.Errorf("Create left %v beside the keyring", files)
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	r := newRing(t)
	if _, err := Create(r.path, rand.Reader, day); !errors.Is(err, ErrExists) {
		t.Fatalf("second Create: %v, want ErrExists", err)
	}
	if reopen(t, r).InstallationID() != r.InstallationID() {
		t.Error("second Create changed the keyring")
	}
	_, err := Create(filepath.Join(t.TempDir(), "no-folder", "keyring.json"), rand.Reader, day)
	if !errors.Is(err, ErrNotWritten) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Create without its folder: %v, want ErrNotWritten", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	good, err := os.ReadFile(newRing(t).path)
	must(t, err)
	edit := func(change func(c *contents)) []byte {
		c, err := decode(good)
		must(t, err)
		change(&c)
		data, err := c.encode() // the sum is right, the content is not
		must(t, err)
		return data
	}
	swapBytes := func(old, new string) []byte {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("the keyring does not contain %q", old)
		}
		return bytes.Replace(good, []byte(old), []byte(new), 1)
	}
	flipKey := func() []byte {
		at := bytes.Index(good, []byte(`"id_key": "`)) + len(`"id_key": "`) + 4
		data := bytes.Clone(good)
		data[at] = map[bool]byte{true: 'B', false: 'A'}[data[at] == 'A']
		return data
	}
	for name, f := range map[string]struct {
		data []byte
		want error
	}{
		"empty":                   {nil, ErrDamaged},
		"zeros after a crash":     {make([]byte, 512), ErrDamaged},
		"not JSON":                {[]byte("hello\n"), ErrDamaged},
		"array":                   {[]byte("[]"), ErrDamaged},
		"no format":               {[]byte("{}"), ErrDamaged},
		"half":                    {good[:len(good)/2], ErrDamaged},
		"all but the last brace":  {good[:len(good)-3], ErrDamaged},
		"something after it":      {append(bytes.Clone(good), '{'), ErrDamaged},
		"newer":                   {swapBytes(`"format": 1`, `"format": 2`), ErrNewer},
		"newer of unknown shape":  {[]byte(`{"format":3,"index":7}`), ErrNewer},
		"format is text":          {swapBytes(`"format": 1`, `"format": "1"`), ErrDamaged},
		"a flipped key bit":       {flipKey(), ErrDamaged},
		"sum of another":          {swapBytes(`"sum": "`, `"sum": "0`), ErrDamaged},
		"format zero":             {edit(func(c *contents) { c.Format = 0 }), ErrDamaged},
		"generation zero":         {edit(func(c *contents) { c.Generation = 0 }), ErrDamaged},
		"bad installation":        {edit(func(c *contents) { c.Installation = "U" + c.Installation[1:] }), ErrDamaged},
		"no code key":             {edit(func(c *contents) { c.CodeKeys = nil }), ErrDamaged},
		"no field key":            {edit(func(c *contents) { c.FieldKeys = nil }), ErrDamaged},
		"no token key":            {edit(func(c *contents) { c.TokenKeys = nil }), ErrDamaged},
		"short key":               {edit(func(c *contents) { c.FieldKeys[0].Key = c.FieldKeys[0].Key[:16] }), ErrDamaged},
		"short id key":            {edit(func(c *contents) { c.IDKey = c.IDKey[:31] }), ErrDamaged},
		"no limit key":            {edit(func(c *contents) { c.LimitKey = nil }), ErrDamaged},
		"key number zero":         {edit(func(c *contents) { c.CodeKeys[0].ID = 0 }), ErrDamaged},
		"key number of later":     {edit(func(c *contents) { c.CodeKeys[0].ID = 99 }), ErrDamaged},
		"one key number twice":    {edit(func(c *contents) { c.CodeKeys = append(c.CodeKeys, c.CodeKeys[0]) }), ErrDamaged},
		"unknown algorithm":       {edit(func(c *contents) { c.FieldKeys[0].Alg = "rot13" }), ErrDamaged},
		"no index key":            {edit(func(c *contents) { c.Index.A = nil }), ErrDamaged},
		"index key of other side": {edit(func(c *contents) { c.Index.ByB = true }), ErrDamaged},
		"dual with one key":       {edit(func(c *contents) { c.Index.Phase = phaseDual }), ErrDamaged},
		"unknown index phase":     {edit(func(c *contents) { c.Index.Phase = "sideways" }), ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keyring.json")
			must(t, os.WriteFile(path, f.data, 0o600))
			_, err := Open(path, rand.Reader)
			checkSentence(t, err, f.want, path)
		})
	}
}

func TestOpenRefusesWhatItCannotRead(t *testing.T) {
	folder := t.TempDir()
	_, err := Open(filepath.Join(folder, "keyring.json"), rand.Reader)
	checkSentence(t, err, ErrMissing, filepath.Join(folder, "keyring.json"))

	_, err = Open(folder, rand.Reader)
	checkSentence(t, err, ErrUnreadable, folder) // or ErrPermissions would mislead: it is a folder

	loop := filepath.Join(folder, "loop")
	must(t, os.Symlink("loop", loop))
	_, err = Open(loop, rand.Reader)
	checkSentence(t, err, ErrUnreadable, loop)

	big := filepath.Join(folder, "big")
	must(t, os.WriteFile(big, make([]byte, maxFileSize+1), 0o600))
	_, err = Open(big, rand.Reader)
	checkSentence(t, err, ErrUnreadable, big)

	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o620, 0o602, 0o644, 0o666, 0o610} {
		r := newRing(t)
		must(t, os.Chmod(r.path, mode))
		_, err := Open(r.path, rand.Reader)
		checkSentence(t, err, ErrPermissions, r.path)
	}
	r := newRing(t)
	must(t, os.Chmod(r.path, 0o400))
	reopen(t, r) // stricter is welcome
}

// checkSentence holds an error to "one clear sentence": its kind, its path
// once, one line, not a word of the content.
func checkSentence(t *testing.T, err, want error, path string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	text := err.Error()
	if strings.Count(text, path) != 1 || strings.Contains(text, "\n") || len(text) > len(path)+200 ||
		strings.Contains(text, "invalid character") || strings.Contains(text, "json") && !strings.Contains(path, "json") {
		t.Errorf("not one clear sentence: %s", text)
	}
}

func TestOpenFollowsALink(t *testing.T) {
	r := newRing(t)
	link := filepath.Join(t.TempDir(), "link.json")
	must(t, os.Symlink(r.path, link))
	linked, err := Open(link, rand.Reader)
	must(t, err)
	must(t, linked.RotateCodeKey())
	if reopen(t, r).Generation() != 2 {
		t.Error("the rotation replaced the link and not the file")
	}
}

func TestCheckDatabase(t *testing.T) {
	r := newRing(t)
	must(t, r.RotateCodeKey())
	for _, c := range []struct {
		installation string
		generation   uint64
		want         error
	}{
		{r.InstallationID(), 0, nil},
		{r.InstallationID(), 1, nil},
		{r.InstallationID(), 2, nil},
		{r.InstallationID(), 3, ErrOutdated},
		{newRing(t).InstallationID(), 1, ErrWrongInstallation},
		{"", 0, ErrWrongInstallation},
	} {
		if err := r.CheckDatabase(c.installation, c.generation); !errors.Is(err, c.want) {
			t.Errorf("CheckDatabase(%q, %d) = %v, want %v", c.installation, c.generation, err, c.want)
		}
	}
}

// TestNothingPrintsASecret prints a ring in every way, and every error, and
// looks for each key in the forms a printer could give it.
func TestNothingPrintsASecret(t *testing.T) {
	r := newRing(t)
	must(t, r.BeginIndexRotation())
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "%p"} {
		fmt.Fprintf(&out, verb+"\n", r)
		fmt.Fprintf(&out, verb+"\n", struct{ R *Ring }{r})
	}
	marshalled, err := json.Marshal(map[string]any{"ring": r})
	must(t, err)
	out.Write(marshalled)
	slog.New(slog.NewTextHandler(&out, nil)).Info("started", "ring", r)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("started", "ring", r)
	for _, err := range []error{r.BeginIndexRotation(), r.FinishIndexRotation(), r.RetireCodeKeys(0), r.RetireFieldKey(r.FieldKeyIDs()[0]), r.CheckDatabase("x", 1)} {
		fmt.Fprintf(&out, "%v %+v %#v\n", err, err, err)
	}
	sealed := seal(t, r, "phone", "+8613800138000")
	_, err = r.Open("body", sealed)
	fmt.Fprintf(&out, "%v\n", err)

	c := r.current.Load().contents
	keys := [][]byte{c.IDKey, c.LimitKey, c.Index.A.Key, c.Index.B.Key, c.CodeKeys[0].Key, c.FieldKeys[0].Key, c.TokenKeys[0].Key}
	for i, key := range keys {
		for _, form := range []string{
			string(key[:8]), hex.EncodeToString(key[:8]), strings.ToUpper(hex.EncodeToString(key[:8])),
			base64.StdEncoding.EncodeToString(key)[:10], strings.Trim(fmt.Sprint(key[:6]), "[]"), strings.Trim(fmt.Sprintf("%#v", key[:6]), "[]byte{}"),
		} {
			if strings.Contains(out.String(), form) {
				t.Errorf("key %d is printed as %q", i, form)
			}
		}
	}
	if strings.Contains(out.String(), "13800138000") || !strings.Contains(out.String(), "keyring("+r.InstallationID()+")") {
		t.Errorf("printed: %s", out.String())
	}
}
