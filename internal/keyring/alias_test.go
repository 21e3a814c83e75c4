package keyring

import (
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"yanma.dev/yanma/internal/core"
)

func TestAliasRoundTrip(t *testing.T) {
	r := newRing(t)
	check := func(kind AliasKind, tenant core.TenantID, app core.AppID, number int64) {
		t.Helper()
		gotTenant, gotApp, gotNumber, ok := r.OpenAlias(kind, r.Alias(kind, tenant, app, number))
		if !ok || gotTenant != tenant || gotApp != app || gotNumber != number {
			t.Errorf("kind %d: %d %d %d came back as %d %d %d, %v", kind, tenant, app, number, gotTenant, gotApp, gotNumber, ok)
		}
	}
	for kind := AliasKind(1); kind < aliasKinds; kind++ {
		check(kind, 1, 1, 1)
		check(kind, math.MaxUint32, math.MaxUint32, math.MaxInt64)
		for range 100 {
			check(kind, core.TenantID(1+rand.Uint32N(math.MaxUint32)), core.AppID(1+rand.Uint32N(math.MaxUint32)), 1+rand.Int64N(math.MaxInt64))
		}
	}
}

func TestOpenAliasRefusesTheImpossible(t *testing.T) {
	r := newRing(t)
	for name, id := range map[string][16]byte{
		"tenant 0":        r.Alias(AliasUser, 0, 1, 1),
		"app 0":           r.Alias(AliasUser, 1, 0, 1),
		"number 0":        r.Alias(AliasUser, 1, 1, 0),
		"number negative": r.Alias(AliasUser, 1, 1, -1),
		"number least":    r.Alias(AliasUser, 1, 1, math.MinInt64),
	} {
		if tenant, app, number, ok := r.OpenAlias(AliasUser, id); ok || tenant != 0 || app != 0 || number != 0 {
			t.Errorf("%s: OpenAlias = %d %d %d %v, want refusal", name, tenant, app, number, ok)
		}
	}
	for _, kind := range []AliasKind{0, aliasKinds, 255} {
		if _, _, _, ok := r.OpenAlias(kind, r.Alias(AliasUser, 1, 1, 1)); ok {
			t.Errorf("an id of the undeclared kind %d opens", kind)
		}
	}
}

// TestAliasHidesItsContents: neighbouring numbers, and the same number in
// another app or kind, have ids with about half of the bits different, so none
// is guessed from another one.
func TestAliasHidesItsContents(t *testing.T) {
	r := newRing(t)
	base := r.Alias(AliasUser, 1, 2, 1000)
	for name, id := range map[string][16]byte{
		"next number":  r.Alias(AliasUser, 1, 2, 1001),
		"other app":    r.Alias(AliasUser, 1, 3, 1000),
		"other tenant": r.Alias(AliasUser, 2, 2, 1000),
		"other kind":   r.Alias(AliasDevice, 1, 2, 1000),
		"other ring":   newRing(t).Alias(AliasUser, 1, 2, 1000),
	} {
		different := bits.OnesCount64(binary.BigEndian.Uint64(base[:8])^binary.BigEndian.Uint64(id[:8])) +
			bits.OnesCount64(binary.BigEndian.Uint64(base[8:])^binary.BigEndian.Uint64(id[8:]))
		if different < 24 || different > 104 { // 64 ± 7 standard deviations
			t.Errorf("%s: %d of 128 bits differ", name, different)
		}
	}
	seen := map[[16]byte]bool{}
	for number := range int64(2000) {
		seen[r.Alias(AliasUser, 1, 2, number+1)] = true
	}
	if len(seen) != 2000 {
		t.Errorf("2,000 numbers have %d ids", len(seen))
	}
}

// FuzzOpenAlias: what opens is exactly what Alias makes an id of.
func FuzzOpenAlias(f *testing.F) {
	r := fixedRing(f)
	valid := r.Alias(AliasUser, 1, 2, 3)
	f.Add(uint8(1), valid[:])
	f.Add(uint8(2), valid[:])
	f.Add(uint8(0), make([]byte, 16))
	f.Add(uint8(200), make([]byte, 16))
	f.Fuzz(func(t *testing.T, kind uint8, raw []byte) {
		var id [16]byte
		copy(id[:], raw)
		tenant, app, number, ok := r.OpenAlias(AliasKind(kind), id)
		if !ok {
			if tenant != 0 || app != 0 || number != 0 {
				t.Fatal("a refusal with contents")
			}
			return
		}
		if tenant == 0 || app == 0 || number <= 0 || r.Alias(AliasKind(kind), tenant, app, number) != id {
			t.Fatalf("%x opens as %d %d %d", id, tenant, app, number)
		}
	})
}
