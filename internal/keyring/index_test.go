package keyring

import (
	"errors"
	"testing"

	"yanma.dev/yanma/internal/core"
)

func TestIndexKeepsNumbersAndLabelsApart(t *testing.T) {
	r := newRing(t)
	seen := map[core.IndexValue]string{}
	for name, index := range map[string]core.PhoneIndex{
		"number":            r.Index(zhang),
		"other number":      r.Index(li),
		"no number":         r.Index(core.Phone{}),
		"label":             r.IndexLabel("test:12345678910"),
		"label of a number": r.IndexLabel(zhang.E164()),
		"empty label":       r.IndexLabel(""),
		"label with domain": r.IndexLabel("\x01" + zhang.E164()),
		"other ring":        newRing(t).Index(zhang),
	} {
		if other, double := seen[index.Lookup()]; double || index.Lookup().IsZero() {
			t.Errorf("%s has the index of %q", name, other)
		}
		seen[index.Lookup()] = name
	}
	if r.Index(zhang) != r.Index(core.PhoneFromE164("+8613800138000")) {
		t.Error("the index of a number is not stable")
	}
}

// TestIndexRotation walks two whole rotations, A to B and back to A, with a
// restart after each step: a row written at any step is found at any later one.
func TestIndexRotation(t *testing.T) {
	r := newRing(t)
	state := func(want IndexState) {
		t.Helper()
		if got := r.IndexState(); got != want || reopen(t, r).IndexState() != want {
			t.Fatalf("state %+v, want %+v", got, want)
		}
		if reopen(t, r).Index(zhang) != r.Index(zhang) {
			t.Fatal("a restart changed the index")
		}
	}
	refused := func(steps ...func() error) {
		t.Helper()
		for _, step := range steps {
			before := r.IndexState()
			if err := step(); !errors.Is(err, ErrIndexState) || r.IndexState() != before {
				t.Fatalf("a step out of order: %v, want ErrIndexState", err)
			}
		}
	}
	side := func(x core.PhoneIndex, b bool) core.IndexValue {
		if b {
			return x.B
		}
		return x.A
	}
	for _, toB := range []bool{true, false} {
		state(IndexState{IndexSteady, !toB})
		steady := r.Index(zhang)
		if side(steady, !toB).IsZero() || !side(steady, toB).IsZero() || steady.ByB != !toB {
			t.Fatalf("steady: %+v", steady)
		}
		refused(r.SwapIndex, r.FinishIndexRotation)

		must(t, r.BeginIndexRotation())
		state(IndexState{IndexDual, !toB})
		dual := r.Index(zhang)
		if dual.Lookup() != steady.Lookup() || side(dual, toB).IsZero() || side(dual, toB) == steady.Lookup() {
			t.Fatalf("dual: %+v after %+v", dual, steady)
		}
		refused(r.BeginIndexRotation, r.FinishIndexRotation)

		must(t, r.SwapIndex())
		state(IndexState{IndexSwapped, toB})
		swapped := r.Index(zhang)
		if swapped.A != dual.A || swapped.B != dual.B || swapped.Lookup() != side(dual, toB) {
			t.Fatalf("swapped: %+v after %+v", swapped, dual)
		}
		refused(r.BeginIndexRotation, r.SwapIndex)

		must(t, r.FinishIndexRotation())
		state(IndexState{IndexSteady, toB})
		done := r.Index(zhang)
		if done.Lookup() != swapped.Lookup() || !side(done, !toB).IsZero() {
			t.Fatalf("done: %+v after %+v", done, swapped)
		}
	}
}

// TestIndexRotationLeavesTheRest: neither counters nor ids nor codes know of it.
func TestIndexRotationLeavesTheRest(t *testing.T) {
	r := newRing(t)
	tag, subject, alias := sign(t, r, login, digits), r.LimitSubject(1, 2, zhang), r.Alias(AliasUser, 1, 2, 3)
	must(t, errors.Join(r.BeginIndexRotation(), r.SwapIndex(), r.FinishIndexRotation()))
	if !r.CheckCode(login, tag, digits) || r.LimitSubject(1, 2, zhang) != subject || r.Alias(AliasUser, 1, 2, 3) != alias {
		t.Error("the rotation of the index changed something else")
	}
}

func TestIndexPhaseNames(t *testing.T) {
	for phase, want := range map[IndexPhase]string{IndexSteady: "steady", IndexDual: "dual", IndexSwapped: "swapped", 9: "unknown"} {
		if phase.String() != want {
			t.Errorf("phase %d is %q, want %q", phase, phase.String(), want)
		}
	}
}
