package keyring

import (
	"testing"

	"yanma.dev/yanma/internal/core"
)

func TestLimitSubjects(t *testing.T) {
	r := newRing(t)
	base := r.PhoneBase(zhang)
	seen := map[uint64]bool{}
	count := 0
	for _, b := range []uint64{base, r.PhoneBase(li), r.PhoneBase(core.Phone{})} {
		for kind := range 16 {
			for _, scope := range []uint32{0, 1, 2, 1 << 8, 1 << 24, 1<<32 - 1} {
				seen[r.LimitMix(b, uint8(kind), scope)] = true
				count++
			}
		}
	}
	seen[r.LimitSubjectBytes(0, 0, []byte(zhang.E164()))] = true
	seen[r.LimitSubjectBytes(0, 0, nil)] = true
	if len(seen) != count+2 {
		t.Errorf("%d counters have %d subjects", count+2, len(seen))
	}
	if r.LimitSubject(5, 77, zhang) != r.LimitMix(base, 5, 77) {
		t.Error("LimitSubject is not LimitMix of PhoneBase")
	}
	if newRing(t).PhoneBase(zhang) == base {
		t.Error("the base does not depend on the key")
	}
}

func TestTokenHashes(t *testing.T) {
	r := newRing(t)
	const secret = "kQ2m8sT0vYxW4bN6pR1cD3fG5hJ7kL9z"
	old := r.TokenHash(secret)
	if hashes := r.TokenHashes(secret); len(hashes) != 1 || hashes[0] != old {
		t.Fatalf("TokenHashes = %x, want %x alone", hashes, old)
	}
	must(t, r.RotateTokenKey())
	for _, ring := range []*Ring{r, reopen(t, r)} {
		hashes := ring.TokenHashes(secret)
		if len(hashes) != 2 || hashes[0] == old || hashes[1] != old || hashes[0] != ring.TokenHash(secret) {
			t.Fatalf("after a rotation TokenHashes = %x, want a new one, then %x", hashes, old)
		}
	}
	if r.TokenHash(secret) == r.TokenHash(secret+"a") || r.TokenHash("") == r.TokenHash("\x00") {
		t.Error("two tokens have one hash")
	}
	young := r.TokenHash(secret)
	must(t, r.RetireTokenKeys(1))
	if hashes := r.TokenHashes(secret); len(hashes) != 1 || hashes[0] != young {
		t.Errorf("after retiring TokenHashes = %x", hashes)
	}
	if r.RetireTokenKeys(0) == nil {
		t.Error("the last token key was retired")
	}
}
