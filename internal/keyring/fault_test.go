package keyring

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

var errDisk = errors.New("input/output error")

// faulty fails one step, either before it happens or after (the call returned
// an error, but the write happened), or with half of the data written.
type faulty struct {
	osDisk
	step string // "" is healthy
	how  string // failNotDone, failDone, failHalf
}

const (
	failNotDone = "not done"
	failDone    = "done"
	failHalf    = "half done"
)

func (f *faulty) do(step string, work func() error) error {
	if f.step != step {
		return work()
	}
	if f.how == failDone {
		if err := work(); err != nil {
			return err
		}
	}
	return errDisk
}

func (f *faulty) remove(path string) error {
	return f.do("remove", func() error { return f.osDisk.remove(path) })
}

func (f *faulty) writeNew(path string, data []byte) error {
	if f.step == "writeNew" && f.how == failHalf {
		if err := f.osDisk.writeNew(path, data[:len(data)/2]); err != nil {
			return err
		}
		return errDisk
	}
	return f.do("writeNew", func() error { return f.osDisk.writeNew(path, data) })
}

func (f *faulty) link(old, new string) error {
	return f.do("link", func() error { return f.osDisk.link(old, new) })
}

func (f *faulty) rename(old, new string) error {
	return f.do("rename", func() error { return f.osDisk.rename(old, new) })
}

func (f *faulty) syncFolder(path string) error {
	return f.do("syncFolder", func() error { return f.osDisk.syncFolder(path) })
}

type fault struct {
	step, how string
	onDisk    bool // the new file is there all the same
}

var rotationFaults = []fault{
	{"remove", failNotDone, false},
	{"writeNew", failNotDone, false},
	{"writeNew", failHalf, false},
	{"writeNew", failDone, false},
	{"rename", failNotDone, false},
	{"rename", failDone, true},
	{"syncFolder", failNotDone, true},
	{"syncFolder", failDone, true},
}

// TestRotationSurvivesEveryFault fails each step of each rotation: the process
// goes on with the keys it had, the file is whole (as after a crash at that
// point), and once the disk is well the rotation succeeds.
func TestRotationSurvivesEveryFault(t *testing.T) {
	rotations := map[string]struct{ prepare, rotate func(r *Ring) error }{
		"RotateCodeKey":      {nil, (*Ring).RotateCodeKey},
		"RetireCodeKeys":     {(*Ring).RotateCodeKey, func(r *Ring) error { return r.RetireCodeKeys(1) }},
		"RotateFieldKey":     {nil, (*Ring).RotateFieldKey},
		"RetireFieldKey":     {(*Ring).RotateFieldKey, func(r *Ring) error { return r.RetireFieldKey(r.FieldKeyIDs()[1]) }},
		"RetireFieldKeys":    {(*Ring).RotateFieldKey, func(r *Ring) error { return r.RetireFieldKeys(1) }},
		"RotateTokenKey":     {nil, (*Ring).RotateTokenKey},
		"BeginIndexRotation": {nil, (*Ring).BeginIndexRotation},
		"SwapIndex":          {(*Ring).BeginIndexRotation, (*Ring).SwapIndex},
		"FinishIndexRotation": {func(r *Ring) error {
			return errors.Join(r.BeginIndexRotation(), r.SwapIndex())
		}, (*Ring).FinishIndexRotation},
	}
	for name, rotation := range rotations {
		for _, f := range rotationFaults {
			t.Run(name+"/"+f.step+" "+f.how, func(t *testing.T) {
				r := newRing(t)
				disk := new(faulty)
				r.disk = disk
				tag, sealed, token := sign(t, r, login, digits), seal(t, r, "f", "x"), r.TokenHash("s")
				if rotation.prepare != nil {
					must(t, rotation.prepare(r))
				}
				before, generation := r.Index(zhang), r.Generation()

				disk.step, disk.how = f.step, f.how
				if err := rotation.rotate(r); !errors.Is(err, ErrNotWritten) || !errors.Is(err, errDisk) {
					t.Fatalf("rotation: %v, want ErrNotWritten", err)
				}
				if r.Index(zhang) != before || r.Generation() != generation || !r.CheckCode(login, tag, digits) {
					t.Error("a rotation that failed took effect in the process")
				}
				if _, err := r.Open("f", sealed); err != nil {
					t.Error(err)
				}
				crashed := reopen(t, r)
				if got := crashed.Generation() > generation; got != f.onDisk {
					t.Errorf("the file has the new state: %v, want %v", got, f.onDisk)
				}
				if crashed.Index(zhang).A != before.A && crashed.Index(zhang).B != before.B {
					t.Error("after a crash there a number has no known index")
				}

				disk.step = ""
				must(t, rotation.rotate(r))
				again := reopen(t, r)
				if again.Generation() != generation+1 || again.Index(zhang) != r.Index(zhang) || again.IndexState() != r.IndexState() {
					t.Error("the file is not what the process uses")
				}
				hashes := again.TokenHashes("s")
				if hashes[len(hashes)-1] != token {
					t.Error("the old token key is lost")
				}
				if _, err := os.Stat(tempPath(r.path)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("a temporary file is left: %v", err)
				}
			})
		}
	}
}

// TestCreateSurvivesEveryFault: a failed first start leaves nothing or a whole
// keyring, and the next one succeeds by Create or by Open.
func TestCreateSurvivesEveryFault(t *testing.T) {
	faults := []fault{
		{"writeNew", failNotDone, false},
		{"writeNew", failHalf, false},
		{"writeNew", failDone, false},
		{"remove", failNotDone, false}, // of the leftover, before anything is written
		{"link", failDone, true},
		{"syncFolder", failNotDone, true},
		{"syncFolder", failDone, true},
	}
	for _, f := range faults {
		t.Run(f.step+" "+f.how, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keyring.json")
			must(t, os.WriteFile(tempPath(path), []byte(`{"format":1,`), 0o600)) // of an earlier crash
			if _, err := create(&faulty{step: f.step, how: f.how}, path, rand.Reader, day); err == nil {
				t.Fatal("no error")
			}
			_, err := Open(path, rand.Reader)
			if f.onDisk {
				must(t, err)
			} else if !errors.Is(err, ErrMissing) {
				t.Fatalf("Open after a failed Create: %v, want ErrMissing", err)
			} else if _, err := Create(path, rand.Reader, day); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestCreateWithoutHardLinks: some file systems have none.
func TestCreateWithoutHardLinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyring.json")
	noLinks := &faulty{step: "link", how: failNotDone}
	r, err := create(noLinks, path, rand.Reader, day)
	must(t, err)
	if _, err := create(noLinks, path, rand.Reader, day); !errors.Is(err, ErrExists) {
		t.Fatalf("second Create: %v, want ErrExists", err)
	}
	if reopen(t, r).InstallationID() != r.InstallationID() {
		t.Error("the second Create overwrote the keyring")
	}
}

// TestLeftoverOfACrashIsHarmless: a crash while the new file was written.
func TestLeftoverOfACrashIsHarmless(t *testing.T) {
	r := newRing(t)
	must(t, os.WriteFile(tempPath(r.path), []byte(`{"format":1,"warn`), 0o644))
	again := reopen(t, r)
	must(t, again.RotateCodeKey())
	info, err := os.Stat(r.path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the leftover's mode %o came through", info.Mode().Perm())
	}
	if reopen(t, r).Generation() != 2 {
		t.Error("the rotation is not on disk")
	}
}

// TestTwoProcessesNeverLoseAKey: the one with the older view is refused, or
// its write would drop a key that the other one has already encrypted with.
func TestTwoProcessesNeverLoseAKey(t *testing.T) {
	first := newRing(t)
	second := reopen(t, first)
	must(t, first.RotateFieldKey())
	sealed := seal(t, first, "f", "x")
	if err := second.RotateFieldKey(); !errors.Is(err, ErrChangedOnDisk) {
		t.Fatalf("rotation by the other process: %v, want ErrChangedOnDisk", err)
	}
	if got, err := reopen(t, second).Open("f", sealed); err != nil || string(got) != "x" {
		t.Errorf("Open = %q, %v", got, err)
	}
	must(t, os.Remove(first.path))
	if err := first.RotateFieldKey(); !errors.Is(err, ErrNotWritten) {
		t.Errorf("rotation without the file: %v, want ErrNotWritten", err)
	}
}
