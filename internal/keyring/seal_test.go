package keyring

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/core"
)

func TestSealThenOpen(t *testing.T) {
	r := newRing(t)
	for _, plaintext := range []string{"", "x", "【验码】您的验证码是 042917", strings.Repeat("long ", 4000)} {
		sealed := seal(t, r, "message.text", plaintext)
		if len(sealed) != len(plaintext)+SealOverhead || len(sealed) != len(plaintext)+31 || sealed[0] != 1 {
			t.Errorf("%d bytes of plaintext became %d, version %d", len(plaintext), len(sealed), sealed[0])
		}
		if plaintext != "" && len(plaintext) > 3 && bytes.Contains(sealed, []byte(plaintext[:4])) {
			t.Error("the plaintext shows")
		}
		got, err := r.Open("message.text", sealed)
		if err != nil || string(got) != plaintext {
			t.Errorf("Open = %q, %v", got, err)
		}
	}
	if bytes.Equal(seal(t, r, "f", "x"), seal(t, r, "f", "x")) {
		t.Error("a nonce was used twice")
	}
}

func TestSealPhone(t *testing.T) {
	r := newRing(t)
	sealed, err := r.SealPhone(zhang)
	must(t, err)
	if got, err := r.OpenPhone(sealed); err != nil || got != zhang {
		t.Errorf("OpenPhone = %v, %v", got, err)
	}
	if got, err := r.OpenPhone(seal(t, r, "other", zhang.E164())); !errors.Is(err, ErrTampered) || !got.IsZero() {
		t.Errorf("another field's value opens as a number: %v, %v", got, err)
	}
}

func TestAppendSealKeepsWhatIsThere(t *testing.T) {
	r := newRing(t)
	for _, room := range []int{0, 5, 200} {
		row := append(make([]byte, 0, room+4), "head"...)
		plaintext := []byte("message")
		row, err := r.AppendSeal(row, "f", plaintext)
		must(t, err)
		row, err = r.AppendSeal(row, "g", plaintext)
		must(t, err)
		size := len(plaintext) + SealOverhead
		if string(row[:4]) != "head" || len(row) != 4+2*size || string(plaintext) != "message" {
			t.Fatalf("row of %d bytes begins %q", len(row), row[:4])
		}
		first, err1 := r.Open("f", row[4:4+size])
		second, err2 := r.Open("g", row[4+size:])
		if err1 != nil || err2 != nil || string(first) != "message" || string(second) != "message" {
			t.Errorf("Open = %q, %v and %q, %v", first, err1, second, err2)
		}
	}
}

// TestAppendSealWipesOnFailure: the caller's buffer must not keep the plaintext.
func TestAppendSealWipesOnFailure(t *testing.T) {
	r := newRing(t)
	r.random = &limited{}
	buf := make([]byte, 0, 100)
	if _, err := r.AppendSeal(buf, "f", []byte("042917")); !errors.Is(err, ErrNoRandom) {
		t.Fatal(err)
	}
	if bytes.Contains(buf[:100], []byte("042917")) {
		t.Error("the plaintext is left in the buffer")
	}
}

func TestOpenTampered(t *testing.T) {
	r := newRing(t)
	must(t, r.RotateFieldKey())
	sealed := seal(t, r, "f", "plaintext")
	for bit := range len(sealed) * 8 {
		bad := bytes.Clone(sealed)
		bad[bit/8] ^= 1 << (bit % 8)
		if got, err := r.Open("f", bad); err == nil || got != nil {
			t.Fatalf("bit %d does not matter: %q", bit, got)
		} else if !errors.Is(err, ErrTampered) && !errors.Is(err, ErrUnknownKey) {
			t.Fatalf("bit %d: %v", bit, err)
		}
	}
	for size := range len(sealed) {
		if _, err := r.Open("f", sealed[:size]); !errors.Is(err, ErrTampered) {
			t.Errorf("first %d bytes: %v, want ErrTampered", size, err)
		}
	}
	for _, field := range []string{"", "F", "f ", "ff", "g"} {
		if _, err := r.Open(field, sealed); !errors.Is(err, ErrTampered) {
			t.Errorf("as field %q: %v, want ErrTampered", field, err)
		}
	}
	if _, err := r.Open("f", append(bytes.Clone(sealed), 0)); !errors.Is(err, ErrTampered) {
		t.Errorf("one byte longer: %v", err)
	}
	if _, err := newRing(t).Open("f", seal(t, newRing(t), "f", "x")); !errors.Is(err, ErrTampered) {
		t.Errorf("another installation's field: %v", err) // its key has the same number
	}
}

func TestOldFieldKeysOpenUntilRetired(t *testing.T) {
	r := newRing(t)
	old := seal(t, r, "f", "old")
	must(t, r.RotateFieldKey())
	young := seal(t, r, "f", "new")
	ids := r.FieldKeyIDs()
	if len(ids) != 2 {
		t.Fatalf("field keys %v, want two", ids)
	}
	if under, ok := SealedUnder(young); !ok || under != ids[0] {
		t.Errorf("the new value is under key %d, want %d", under, ids[0])
	}
	if under, ok := SealedUnder(old); !ok || under != ids[1] {
		t.Errorf("the old value is under key %d, want %d", under, ids[1])
	}
	for _, ring := range []*Ring{r, reopen(t, r)} {
		if got, err := ring.Open("f", old); err != nil || string(got) != "old" {
			t.Errorf("Open = %q, %v", got, err)
		}
	}
	if err := r.RetireFieldKey(ids[0]); !errors.Is(err, ErrKeyInUse) {
		t.Errorf("retiring the newest: %v, want ErrKeyInUse", err)
	}
	if err := r.RetireFieldKey(999); !errors.Is(err, ErrNoSuchKey) {
		t.Errorf("retiring an unknown one: %v, want ErrNoSuchKey", err)
	}
	must(t, r.RetireFieldKey(ids[1]))
	for _, ring := range []*Ring{r, reopen(t, r)} {
		if _, err := ring.Open("f", old); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("retired key: %v, want ErrUnknownKey", err)
		}
		if got, err := ring.Open("f", young); err != nil || string(got) != "new" {
			t.Errorf("Open = %q, %v", got, err)
		}
	}
	if _, ok := SealedUnder([]byte("+8613800138000 is not a sealed value, though it is long")); ok {
		t.Error("a plain value passes for a sealed one")
	}
}

func FuzzOpen(f *testing.F) {
	r := fixedRing(f) // the fuzzer's workers are processes of their own
	f.Add("f", seal(f, r, "f", "plaintext"))
	f.Add("phone", []byte{})
	f.Add("f", []byte{1, 0, 3})
	f.Add("f", make([]byte, SealOverhead))
	f.Fuzz(func(t *testing.T, field string, sealed []byte) {
		before := bytes.Clone(sealed)
		plaintext, err := r.Open(field, sealed)
		if err == nil && (field != "f" || string(plaintext) != "plaintext") {
			t.Fatalf("a forgery opens: %q", plaintext)
		}
		if !bytes.Equal(before, sealed) {
			t.Fatal("Open changed its input")
		}
		if p, err := r.OpenPhone(sealed); err == nil && p != (core.Phone{}) {
			t.Fatal("a forgery opens as a number")
		}
	})
}
