package keyring

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
)

// reload takes over what another process made.
func reload(t *testing.T, r *Ring, want bool, reason error) {
	t.Helper()
	changed, err := r.Reload()
	if changed != want || !errors.Is(err, reason) {
		t.Errorf("Reload = %v, %v, want %v, %v", changed, err, want, reason)
	}
}

func TestReload(t *testing.T) {
	first := newRing(t)
	second := reopen(t, first)
	reload(t, second, false, nil)
	must(t, first.RotateFieldKey())
	must(t, first.RotateCodeKey())
	reload(t, second, true, nil)
	reload(t, second, false, nil)
	if second.Generation() != first.Generation() {
		t.Errorf("generation %d, want %d", second.Generation(), first.Generation())
	}
	must(t, second.RotateTokenKey()) // and is no stranger to the file
	reload(t, first, true, nil)
}

// A value under a key that another process made a moment ago is read, without
// anybody being told.
func TestUnknownKeysAreLookedFor(t *testing.T) {
	first := newRing(t)
	second := reopen(t, first)
	must(t, first.RotateFieldKey())
	if got, err := second.Open("f", seal(t, first, "f", "x")); err != nil || string(got) != "x" {
		t.Errorf("Open = %q, %v", got, err)
	}
	must(t, first.RotateCodeKey())
	c, code := CodeContext{Verification: 7, App: 1, Purpose: 1, Phone: core.PhoneFromE164("+8613800138000")}, core.CodeFromDigits("123456")
	if !second.CheckCode(c, sign(t, first, c, code), code) {
		t.Error("the code is wrong")
	}
}

// Files that are not a later state of ours leave the keys as they are.
func TestReloadRefuses(t *testing.T) {
	first := newRing(t)
	old, err := os.ReadFile(first.path)
	must(t, err)
	apart := filepath.Join(t.TempDir(), "keyring.json")
	must(t, os.WriteFile(apart, old, 0o600))
	fork, err := Open(apart, rand.Reader)
	must(t, err)
	must(t, fork.RotateCodeKey())
	forked, err := os.ReadFile(apart)
	must(t, err)
	stranger, err := Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, time.Unix(0, 0))
	must(t, err)
	others, err := os.ReadFile(stranger.path)
	must(t, err)
	must(t, first.RotateCodeKey())
	current, err := os.ReadFile(first.path)
	must(t, err)
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"from before a rotation":      {old, ErrOutdated},
		"rotated apart":               {forked, ErrChangedOnDisk},
		"another installation's":      {others, ErrWrongInstallation},
		"truncated":                   {current[:len(current)/2], ErrDamaged},
		"altered":                     {bytes.Replace(current, []byte(`"generation": 2`), []byte(`"generation": 3`), 1), ErrDamaged},
		"empty, while it is replaced": {nil, ErrDamaged},
	} {
		must(t, os.WriteFile(first.path, c.file, 0o600))
		reload(t, first, false, c.want)
		if first.Generation() != 2 {
			t.Errorf("%s: generation %d", name, first.Generation())
		}
	}
	must(t, os.Remove(first.path))
	reload(t, first, false, ErrMissing)
	must(t, os.WriteFile(first.path, current, 0o600))
	reload(t, first, false, nil)
}
