package operator

import (
	"context"
	"crypto/subtle"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// attemptLife is how long an Idempotency-Key is honoured (contracts/README.md §3.4).
const attemptLife = 24 * time.Hour

// attempts makes a call with an Idempotency-Key take effect once:
//
//	begin   in one transaction: seen? ── yes ──▶ its answer, or its id to finish it
//	           └─ no: note key, body, the id of what will be made, and the audit row
//	(the call runs under that id, and does nothing when the id exists)
//	finish  note the answer, then give it
type attempts struct {
	database tenant.Database
	keys     tenant.Keys
	ids      *core.IDs
	now      func() time.Time

	mu      sync.Mutex
	running map[[32]byte]chan struct{} // closed when the call is over
}

// attempt is one call under way.
type attempt struct {
	Ref     int64 // id of what the call makes
	Retried bool  // an earlier attempt began and left no answer
	Status  int   // of the earlier attempt's answer; 0 when there is none
	Answer  []byte

	key   [32]byte
	keyed bool
	done  func()
}

// begin takes up a call. note writes what must be on disk before the call runs
// and is not run again for a retried one. The caller must end the attempt.
// Errors: KindBadField for the header, KindMalformed when the key was used
// with another call.
func (a *attempts) begin(ctx context.Context, x *facade.Exchange, body []byte, note func(q store.SQL, ref int64) error) (*attempt, error) {
	t := &attempt{Ref: a.ids.Next(), done: func() {}}
	headers := x.Request.Header["Idempotency-Key"]
	if len(headers) == 0 {
		return t, records.Update(ctx, a.database, func(q store.SQL) error { return note(q, t.Ref) })
	}
	if len(headers) > 1 || !isIdempotencyKey(headers[0]) {
		return nil, &core.Error{Kind: core.KindBadField, Field: "Idempotency-Key", Detail: "want 1 to 255 visible ASCII characters"}
	}
	// The body may hold a number: its hash is keyed as well.
	keys := a.keys.TokenHashes("idempotency operator " + headers[0])
	bodies := a.keys.TokenHashes("idempotency body " + x.Request.URL.Path + "\n" + string(body))
	t.key, t.keyed = keys[0], true
	if err := a.lock(ctx, t); err != nil {
		return nil, err
	}
	err := records.Update(ctx, a.database, func(q store.SQL) error { return a.find(ctx, q, t, keys, bodies, note) })
	if err != nil {
		t.done()
		return nil, err
	}
	return t, nil
}

// lock waits until no other call with the key is under way on this node. Calls
// on two nodes are held apart by the id of what they make.
func (a *attempts) lock(ctx context.Context, t *attempt) error {
	for {
		a.mu.Lock()
		other, busy := a.running[t.key]
		if !busy {
			over := make(chan struct{})
			a.running[t.key] = over
			a.mu.Unlock()
			key := t.key // begin may find the call under an older token key
			t.done = sync.OnceFunc(func() {
				a.mu.Lock()
				delete(a.running, key)
				a.mu.Unlock()
				close(over)
			})
			return nil
		}
		a.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return core.Wrap(core.KindOverloaded, ctx.Err(), "another call with the key is under way")
		}
	}
}

func (a *attempts) find(ctx context.Context, q store.SQL, t *attempt, keys, bodies [][32]byte, note func(store.SQL, int64) error) error {
	now := store.At(a.now())
	if err := records.ExpireIdempotency(ctx, q, now); err != nil {
		return err
	}
	for _, key := range keys {
		row, found, err := records.IdempotencyByKey(ctx, q, key)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if !anyEqual(bodies, row.Body) {
			return core.E(core.KindMalformed, "the Idempotency-Key was used with another request")
		}
		t.key, t.Ref, t.Status, t.Answer, t.Retried = key, row.Ref, int(row.Status), row.Answer, row.Status == 0
		return nil
	}
	err := records.InsertIdempotency(ctx, q, records.Idempotency{Key: t.key, Body: bodies[0], Ref: t.Ref, Expires: now.Add(attemptLife)})
	if err != nil {
		return err
	}
	return note(q, t.Ref)
}

func anyEqual(hashes [][32]byte, want [32]byte) bool {
	equal := 0
	for i := range hashes {
		equal |= subtle.ConstantTimeCompare(hashes[i][:], want[:])
	}
	return equal == 1
}

// end lets the next call with the key in.
func (t *attempt) end() { t.done() }

// replay gives the earlier attempt's answer again, if there is one.
func (t *attempt) replay(x *facade.Exchange) bool {
	if t.Status == 0 {
		return false
	}
	x.SetHeader("Idempotency-Replayed", "true")
	x.Status, x.Out = t.Status, append(x.Out, t.Answer...)
	return true
}

// finish notes the answer and gives it. When it can not be noted the caller
// gets an error instead: what nobody has seen need not be repeated.
func (a *attempts) finish(ctx context.Context, x *facade.Exchange, t *attempt, status int, v any) error {
	answer, err := encode(v)
	if err != nil {
		return err
	}
	if t.keyed {
		err = records.Update(ctx, a.database, func(q store.SQL) error {
			return records.AnswerIdempotency(ctx, q, t.key, int64(status), answer)
		})
		if err != nil {
			return err
		}
	}
	x.Status, x.Out = status, append(x.Out, answer...)
	return nil
}

// refused notes that the call took no effect: the key may be used again. also
// writes what else there is to note.
func (a *attempts) refused(ctx context.Context, t *attempt, also func(q store.SQL) error) error {
	return records.Update(ctx, a.database, func(q store.SQL) error {
		if t.keyed {
			if err := records.DeleteIdempotency(ctx, q, t.key); err != nil {
				return err
			}
		}
		return also(q)
	})
}

func isIdempotencyKey(key string) bool {
	for i := 0; i < len(key); i++ {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return len(key) >= 1 && len(key) <= 255
}
