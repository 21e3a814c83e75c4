package keyring

import (
	"errors"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"yanma.dev/yanma/internal/core"
)

// TestReq11_RotateUnderLoad, at the level of the keyring: while every key that
// rotates does, no verification fails, no field is unreadable, no token and no
// row is lost; afterwards retired keys fail.
func TestReq11_RotateUnderLoad(t *testing.T) {
	r := newRing(t)
	firstTag, firstField := sign(t, r, login, digits), seal(t, r, "f", "x")
	token, row := r.TokenHash("s"), newRow(r)

	var stop atomic.Bool
	var flows atomic.Int64
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for !stop.Load() {
				tag, err1 := r.SignCode(login, digits)
				sealed, err2 := r.SealPhone(zhang)
				written := r.Index(zhang)
				hash := r.TokenHash("s")
				phone, err3 := r.OpenPhone(sealed)
				if err := errors.Join(err1, err2, err3); err != nil || phone != zhang {
					t.Error(err)
					return
				}
				if !r.CheckCode(login, tag, digits) || !r.CheckCode(login, firstTag, digits) || r.CheckCode(login, tag, core.CodeFromDigits("042918")) {
					t.Error("a verification failed")
					return
				}
				if !contains(r.TokenHashes("s"), hash) || !contains(r.TokenHashes("s"), token) {
					t.Error("a token is lost")
					return
				}
				if !row.found(r) || written.Lookup().IsZero() {
					t.Error("a number has lost its row")
					return
				}
				flows.Add(1)
			}
		})
	}
	after := func(n int64) { // the load goes on between two steps
		for want := flows.Load() + n; flows.Load() < want && !t.Failed(); {
			runtime.Gosched()
		}
	}
	for range 6 {
		for _, rotate := range []func() error{r.RotateCodeKey, r.RotateFieldKey, r.RotateTokenKey, r.BeginIndexRotation} {
			must(t, rotate())
			after(5)
		}
		row.fill(r)
		must(t, r.SwapIndex())
		after(5)
		must(t, r.FinishIndexRotation())
		after(5)
	}
	stop.Store(true)
	workers.Wait()

	must(t, errors.Join(r.RetireCodeKeys(1), r.RetireTokenKeys(1)))
	for _, id := range r.FieldKeyIDs()[1:] {
		must(t, r.RetireFieldKey(id))
	}
	for _, ring := range []*Ring{r, reopen(t, r)} {
		if ring.CheckCode(login, firstTag, digits) {
			t.Error("a code of a retired pepper verifies")
		}
		if _, err := ring.Open("f", firstField); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("a field of a retired key: %v, want ErrUnknownKey", err)
		}
		if contains(ring.TokenHashes("s"), token) {
			t.Error("a token of a retired key is found")
		}
		if !row.found(ring) {
			t.Error("the number has lost its row")
		}
	}
}

func contains(hashes [][32]byte, hash [32]byte) bool {
	for _, h := range hashes {
		if h == hash {
			return true
		}
	}
	return false
}

// row is one number's row as a store keeps it: two columns, filled by whoever
// writes it and by the back-fill.
type row struct {
	mu   sync.Mutex
	a, b core.IndexValue
}

func newRow(r *Ring) *row {
	x := r.Index(zhang)
	return &row{a: x.A, b: x.B}
}

func (w *row) fill(r *Ring) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x := r.Index(zhang)
	w.a, w.b = x.A, x.B
}

// found looks the row up as one request does: with one index, by one side. A
// request that began before the back-fill still looks up by the old side.
func (w *row) found(r *Ring) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	x := r.Index(zhang)
	if x.ByB {
		return w.b == x.B
	}
	return w.a == x.A
}

func TestKeyNumbersRunOut(t *testing.T) {
	r := newRing(t)
	s := *r.current.Load()
	s.contents.NextKey = math.MaxUint16
	r.current.Store(&s)
	must(t, r.RotateCodeKey())
	if tag := sign(t, r, login, digits); tag.Key != math.MaxUint16 || !reopen(t, r).CheckCode(login, tag, digits) {
		t.Errorf("the last key number is %d", tag.Key)
	}
	if err := r.RotateFieldKey(); !errors.Is(err, ErrKeysUsedUp) {
		t.Errorf("one more key: %v, want ErrKeysUsedUp", err)
	}
	must(t, r.RetireCodeKeys(1)) // needs no number
}
