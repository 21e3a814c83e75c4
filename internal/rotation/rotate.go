package rotation

import (
	"context"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// Kind names keys that rotate.
type Kind string

// The kinds.
const (
	Code  Kind = "code"  // peppers of codes
	Field Kind = "field" // encryption of fields
	Token Kind = "token" // hashes of API keys
	Index Kind = "index" // the blind index; its old key goes by itself
)

// Rotate makes a new key, which is used from now on; what was made with the
// older ones stays readable and right. For the index it starts the job and
// returns: Status tells how far it has come. KindBadField for the kind,
// KindConflict while the index is rotated already.
func (s *Service) Rotate(ctx context.Context, by tenant.By, kind Kind) (Status, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.catchUp(ctx); err != nil {
		return Status{}, err
	}
	c := change{by: by, action: "keyring.rotate_" + string(kind)}
	switch kind {
	case Code:
		c.turn = s.o.Ring.RotateCodeKey
	case Field:
		c.turn = s.o.Ring.RotateFieldKey
	case Token:
		c.turn, c.also = s.o.Ring.RotateTokenKey, s.noteTokens
	case Index:
		c.turn = s.index.Request
	default:
		return Status{}, &core.Error{Kind: core.KindBadField, Field: "kind", Detail: "want code, field, token or index"}
	}
	began := s.o.Ring.Generation()
	err := s.do(ctx, c)
	if s.o.Ring.Generation() != began {
		s.rotated[kind] = s.o.Now()
	}
	if err != nil {
		return Status{}, err
	}
	return s.Status(ctx)
}

// Retire drops all keys of a kind but the newest. It is refused with
// KindConflict, which says why, while anything needs one of them, and within
// Grace of a rotation. KindBadField for the kind or a number below 1.
func (s *Service) Retire(ctx context.Context, by tenant.By, kind Kind, keep int) (Status, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if keep < 1 {
		return Status{}, &core.Error{Kind: core.KindBadField, Field: "keep", Detail: "the newest key stays: want 1 or more"}
	}
	if err := s.catchUp(ctx); err != nil {
		return Status{}, err
	}
	c := change{by: by, action: "keyring.retire_" + string(kind)}
	var keys []uint16
	switch ring := s.o.Ring; kind {
	case Code:
		keys = ring.CodeKeyIDs()
		c.turn = func() error { return ring.RetireCodeKeys(keep) }
		c.needed = func(ctx context.Context, q store.SQL) error { return s.codesNeed(ctx, q, keys[keep:]) }
	case Field:
		keys = ring.FieldKeyIDs()
		c.turn = func() error { return ring.RetireFieldKeys(keep) }
	case Token:
		keys = ring.TokenKeyIDs()
		c.turn = func() error { return ring.RetireTokenKeys(keep) }
		c.needed = func(ctx context.Context, q store.SQL) error { return s.tokensNeed(ctx, q, keys[keep-1]) }
		c.also = func(ctx context.Context, q store.SQL) error { return forgetTokens(ctx, q, keys[keep:]) }
	case Index:
		return Status{}, &core.Error{Kind: core.KindBadField, Field: "kind", Detail: "the old key of the index goes by itself at the end of its rotation"}
	default:
		return Status{}, &core.Error{Kind: core.KindBadField, Field: "kind", Detail: "want code, field or token"}
	}
	if keep >= len(keys) {
		return s.Status(ctx) // nothing to drop
	}
	if err := s.graceIsOver(kind); err != nil {
		return Status{}, err
	}
	if kind == Field {
		// Whole tables are read: not within the transaction, which holds every
		// request back. Nothing is sealed under an old key after the grace time.
		if err := s.fieldsNeed(ctx, keys[keep:]); err != nil {
			return Status{}, err
		}
	}
	if kind == Token {
		if err := s.refreshKeys(ctx, c); err != nil {
			return Status{}, err
		}
	}
	if err := s.do(ctx, c); err != nil {
		return Status{}, err
	}
	return s.Status(ctx)
}

// refreshKeys makes this node know the hashes under which the check finds the
// API keys: they are on disk before the node looks keys up by them, and with the
// old token key gone nothing else would find them in between. Hashes only ever
// become newer, so what holds now holds when the key goes.
func (s *Service) refreshKeys(ctx context.Context, c change) error {
	if err := s.o.Database.View(ctx, func(q store.SQL) error { return c.needed(ctx, q) }); err != nil {
		return err
	}
	return s.o.Refresh(ctx)
}

func (s *Service) graceIsOver(kind Kind) error {
	at, here := s.rotated[kind]
	if !here {
		return nil
	}
	if left := at.Add(Grace).Sub(s.o.Now()); left > 0 {
		return core.E(core.KindConflict, fmt.Sprintf("requests that began before the rotation may still use an older key: try again in %d s",
			(left+time.Second-1)/time.Second))
	}
	return nil
}

// codesNeed refuses while a code that can be answered was signed under one of
// the peppers.
func (s *Service) codesNeed(ctx context.Context, q store.SQL, keys []uint16) error {
	var need int64
	for _, key := range keys {
		n, err := records.LiveCodesUnder(ctx, q, key, store.At(s.o.Now()))
		if err != nil {
			return err
		}
		need += n
	}
	if need > 0 {
		return core.E(core.KindConflict, fmt.Sprintf("%d codes that can still be answered were signed under an older key: try again when they have ended", need))
	}
	return nil
}

// fieldsNeed refuses while a row is sealed under one of the field keys.
func (s *Service) fieldsNeed(ctx context.Context, keys []uint16) error {
	if s.fresh.state().Running {
		return core.E(core.KindConflict, "fields are being sealed under the newest key: try again when that is done (keyring status)")
	}
	if err := s.answersNeed(ctx, keys); err != nil {
		return err
	}
	for _, table := range records.SealedTables() {
		var need int64
		err := s.o.Database.View(ctx, func(q store.SQL) error {
			need = 0
			for _, key := range keys {
				n, err := records.CountSealedUnder(ctx, q, table, key)
				if err != nil {
					return err
				}
				need += n
			}
			return nil
		})
		if err != nil {
			return err
		}
		if need > 0 {
			return core.E(core.KindConflict, fmt.Sprintf("%d rows of table %s are sealed under an older key: seal them anew first (keyring reseal)", need, table))
		}
	}
	return nil
}

// answersNeed refuses while the answer of a call with an Idempotency-Key is
// sealed under one of the field keys: it is not sealed anew, it ends.
func (s *Service) answersNeed(ctx context.Context, keys []uint16) error {
	var need int64
	err := s.o.Database.View(ctx, func(q store.SQL) error {
		need = 0
		for _, key := range keys {
			n, err := records.CountAnswersUnder(ctx, q, key, store.At(s.o.Now()))
			if err != nil {
				return err
			}
			need += n
		}
		return nil
	})
	if err == nil && need > 0 {
		err = core.E(core.KindConflict, "answers of calls with an Idempotency-Key from before the rotation are kept for 24 hours: try again then")
	}
	return err
}
