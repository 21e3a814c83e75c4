package core

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestErrorIsByKind(t *testing.T) {
	wrapped := fmt.Errorf("outer: %w", RetryIn(KindLocked, time.Minute, "wrong tries"))
	for _, kind := range Kinds() {
		if got := errors.Is(wrapped, E(kind, "")); got != (kind == KindLocked) {
			t.Errorf("is %s: %v", kind, got)
		}
	}
	if errors.Is(wrapped, E(KindLocked, "something else")) || errors.Is(wrapped, Field(KindLocked, "phone_no")) {
		t.Error("a target with a detail or a field is that one error only")
	}
	var e *Error
	if !errors.As(wrapped, &e) || e.RetryAfter != time.Minute || e.Detail != "wrong tries" {
		t.Errorf("as: %+v", e)
	}
	cause := Wrap(KindInternal, context.Canceled, "the store failed")
	if !errors.Is(cause, context.Canceled) || !errors.Is(cause, E(KindInternal, "")) || errors.Is(E(KindInternal, ""), context.Canceled) {
		t.Error("a cause is found, and only where there is one")
	}
	// The outermost kind counts.
	if kind := KindOf(Wrap(KindProvisioningUnreachable, E(KindRateLimited, ""), "")); kind != KindProvisioningUnreachable {
		t.Errorf("kind %s", kind)
	}
	if KindOf(errors.New("nobody's")) != KindInternal || KindOf(wrapped) != KindLocked {
		t.Error("KindOf")
	}
	if own := AsError(wrapped); own.Kind != KindLocked {
		t.Errorf("AsError: %v", own)
	}
	if foreign := AsError(context.Canceled); foreign.Kind != KindInternal || !errors.Is(foreign, context.Canceled) {
		t.Errorf("AsError of nobody's: %v", foreign)
	}
}

func TestErrorTexts(t *testing.T) {
	for want, err := range map[string]error{
		"wrong_code":               E(KindWrongCode, ""),
		"rate_limited: number_app": RetryIn(KindRateLimited, time.Second, "number_app"),
		"missing_field key":        Field(KindMissingField, "key"),
		"internal: the store failed: context canceled": Wrap(KindInternal, context.Canceled, "the store failed"),
	} {
		if got := err.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestKindsHaveNames(t *testing.T) {
	seen := map[string]Kind{}
	for _, kind := range Kinds() {
		name := kind.String()
		if other, twice := seen[name]; twice || name == "" || name == "unknown" {
			t.Errorf("kind %d is called %q, as is %d", kind, name, other)
		}
		seen[name] = kind
	}
	if len(seen) != int(kindEnd) || Kind(200).String() != "unknown" {
		t.Errorf("%d kinds, want %d", len(seen), kindEnd)
	}
	for _, p := range []Pool{PoolGeneral, PoolVoice, PoolIndustry, PoolMarket} {
		if back, ok := PoolNamed(p.String()); !ok || back != p {
			t.Errorf("pool %s", p)
		}
	}
	if _, ok := PoolNamed("unknown"); ok {
		t.Error("a pool of no name")
	}
}

// TestRetrySeconds is contracts/README.md §3.2: whole seconds, rounded up, ≥ 1.
func TestRetrySeconds(t *testing.T) {
	for after, want := range map[time.Duration]int64{0: 1, 1: 1, time.Second - 1: 1, time.Second: 1, time.Second + 1: 2, 15 * time.Minute: 900,
		24*time.Hour - 1: 86400, -time.Hour: 1} {
		if got := RetryIn(KindLocked, after, "").RetrySeconds(); got != want {
			t.Errorf("RetrySeconds of %v = %d, want %d", after, got, want)
		}
	}
}

func TestPhoneIndexSides(t *testing.T) {
	a, b := IndexValue{1}, IndexValue{2}
	for _, c := range []struct {
		index          PhoneIndex
		lookup, either IndexValue
	}{
		{PhoneIndex{A: a}, a, a},
		{PhoneIndex{B: b, ByB: true}, b, b},
		{PhoneIndex{A: a, B: b}, a, a},
		{PhoneIndex{A: a, B: b, ByB: true}, b, a},
	} {
		if c.index.Lookup() != c.lookup || c.index.Either() != c.either {
			t.Errorf("%+v: look-up %x, either %x", c.index, c.index.Lookup(), c.index.Either())
		}
	}
	if !(IndexValue{}).IsZero() || a.IsZero() {
		t.Error("IsZero")
	}
}
