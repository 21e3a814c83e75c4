package rotation

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// A stored hash does not say under which token key it was made. So a rotation
// writes down the hashes that there are: a credential that has its hash of then
// needs an older key, one that was stored anew since does not.

// tokenNote is the setting that a rotation of the token key leaves.
type tokenNote struct {
	Made  store.Time       `json:"made"`
	Older map[int64]string `json:"older"` // by credential: the beginning of its hash
}

func tokenSetting(key uint16) string { return "keyring_token_" + strconv.Itoa(int(key)) }

// noteTokens notes the hashes that are older than the newest token key.
func (s *Service) noteTokens(ctx context.Context, q store.SQL) error {
	now := store.At(s.o.Now())
	all, err := records.Credentials(ctx, q, now)
	if err != nil {
		return err
	}
	note := tokenNote{Made: now, Older: make(map[int64]string, len(all))}
	for _, c := range all {
		note.Older[c.ID] = hashText(c.Hash)
	}
	text, err := json.Marshal(note)
	if err != nil {
		return err
	}
	return records.PutSetting(ctx, q, tokenSetting(s.o.Ring.TokenKeyIDs()[0]), string(text))
}

func hashText(hash [32]byte) string { return hex.EncodeToString(hash[:8]) }

// tokensNeed refuses while a credential that is valid, or a call with an
// Idempotency-Key, was hashed under a token key older than oldest.
func (s *Service) tokensNeed(ctx context.Context, q store.SQL, oldest uint16) error {
	text, found, err := records.Setting(ctx, q, tokenSetting(oldest))
	if err != nil {
		return err
	}
	var note tokenNote
	if !found || json.Unmarshal([]byte(text), &note) != nil {
		return core.E(core.KindConflict, "it was not noted which API keys are older than the keys to be kept: rotate the token key once more")
	}
	now := store.At(s.o.Now())
	all, err := records.Credentials(ctx, q, now)
	if err != nil {
		return err
	}
	for _, c := range all {
		if note.Older[c.ID] == hashText(c.Hash) {
			return core.E(core.KindConflict, fmt.Sprintf("app %d has an API key that was not used since the rotation: "+
				"it is stored anew when it is used; or give the app a new one (app rotate-key)", c.App))
		}
	}
	calls, err := records.CountIdempotencyBefore(ctx, q, now, note.Made.Add(idempotency.Life+Grace))
	if err != nil {
		return err
	}
	proofs, err := records.CountProofsBefore(ctx, q, now, note.Made.Add(numberverify.ProofKept+Grace))
	if err != nil {
		return err
	}
	if proofs > 0 {
		return core.E(core.KindConflict, "proofs of number verification from before the rotation are remembered for 25 hours: try again then")
	}
	if calls > 0 {
		return core.E(core.KindConflict, "calls with an Idempotency-Key from before the rotation are honoured for 24 hours: try again then")
	}
	return nil
}

// forgetTokens empties the notes of keys that are gone.
func forgetTokens(ctx context.Context, q store.SQL, keys []uint16) error {
	for _, key := range keys {
		if err := records.PutSetting(ctx, q, tokenSetting(key), ""); err != nil {
			return err
		}
	}
	return nil
}
