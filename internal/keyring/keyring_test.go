package keyring

import (
	"crypto/rand"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
)

var (
	day    = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	zhang  = core.PhoneFromE164("+8613800138000")
	li     = core.PhoneFromE164("+8613900139000")
	login  = CodeContext{Verification: 7, App: 9, Purpose: core.PurposeLogin, Phone: zhang}
	digits = core.CodeFromDigits("042917")
)

// counting is a reader of 0, 1, 2, … : the keys of TestVectors.
type counting struct {
	mu   sync.Mutex
	next byte
}

func (c *counting) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range p {
		p[i] = c.next
		c.next++
	}
	return len(p), nil
}

// limited is a random reader that has some bytes left and then fails.
type limited struct{ left int }

var errDry = errors.New("no entropy")

func (l *limited) Read(p []byte) (int, error) {
	n := min(l.left, len(p))
	l.left -= n
	if n < len(p) {
		return n, errDry
	}
	return n, nil
}

func newRing(t testing.TB) *Ring {
	t.Helper()
	r, err := Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, day)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fixedRing has the keys that TestVectors lists: the same in every process.
func fixedRing(t testing.TB) *Ring {
	t.Helper()
	r, err := Create(filepath.Join(t.TempDir(), "keyring.json"), new(counting), day)
	must(t, err)
	return r
}

// reopen is a restart: the ring as it is on disk.
func reopen(t testing.TB, r *Ring) *Ring {
	t.Helper()
	again, err := Open(r.path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sign(t testing.TB, r *Ring, c CodeContext, code core.Code) CodeTag {
	t.Helper()
	tag, err := r.SignCode(c, code)
	must(t, err)
	return tag
}

func seal(t testing.TB, r *Ring, field, plaintext string) []byte {
	t.Helper()
	sealed, err := r.Seal(field, []byte(plaintext))
	must(t, err)
	return sealed
}

func TestRandomReaderFails(t *testing.T) {
	const whole = 16 + 6*keySize
	for left := range whole {
		path := filepath.Join(t.TempDir(), "keyring.json")
		if _, err := Create(path, &limited{left}, day); !errors.Is(err, ErrNoRandom) || !errors.Is(err, errDry) {
			t.Fatalf("Create with %d of %d random bytes: %v, want ErrNoRandom", left, whole, err)
		}
		if _, err := Open(path, rand.Reader); !errors.Is(err, ErrMissing) {
			t.Fatalf("a failed Create left a keyring: %v", err)
		}
	}
	r, err := Create(filepath.Join(t.TempDir(), "keyring.json"), &limited{whole}, day)
	must(t, err)
	calls := map[string]func() error{
		"SignCode":           func() error { _, err := r.SignCode(login, digits); return err },
		"Seal":               func() error { _, err := r.Seal("f", []byte("x")); return err },
		"SealPhone":          func() error { _, err := r.SealPhone(zhang); return err },
		"RotateCodeKey":      r.RotateCodeKey,
		"RotateFieldKey":     r.RotateFieldKey,
		"RotateTokenKey":     r.RotateTokenKey,
		"BeginIndexRotation": r.BeginIndexRotation,
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, ErrNoRandom) || !errors.Is(err, errDry) {
			t.Errorf("%s: %v, want ErrNoRandom", name, err)
		}
	}
	if r.Generation() != 1 || reopen(t, r).Generation() != 1 {
		t.Error("a failed rotation changed the keyring")
	}
}
