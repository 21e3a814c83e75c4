package idempotency

import (
	"context"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Life is how long a key is honoured (contracts/README.md §3.4).
const Life = 24 * time.Hour

// How a call that another node began is waited for.
const (
	patience = 15 * time.Second // longer than any call takes there
	interval = 100 * time.Millisecond
)

// answerField is the name under which answers are sealed.
const answerField = "idempotency"

// Store runs commands: store.Batcher.
type Store interface {
	Do(ctx context.Context, c store.Command) error
}

// Keys hash and seal what is stored: keyring.Ring.
type Keys interface {
	TokenHashes(text string) [][32]byte
	Seal(field string, plaintext []byte) ([]byte, error)
	Open(field string, sealed []byte) ([]byte, error)
}

// Options are what Calls are made of; Patience and Interval have defaults.
type Options struct {
	Store Store
	Keys  Keys
	IDs   *core.IDs
	Node  uint8 // this process's: calls that an earlier life of it left are run again at once

	Patience time.Duration // for a call that another node began; default 15 s
	Interval time.Duration // between two looks at it; default 100 ms
}

// Calls makes calls with an Idempotency-Key take effect once.
type Calls struct {
	Options
	mu      sync.Mutex
	running map[store.CallKey]chan struct{} // closed when the call is over
}

// New returns an empty one.
func New(o Options) *Calls {
	if o.Patience <= 0 {
		o.Patience = patience
	}
	if o.Interval <= 0 {
		o.Interval = interval
	}
	return &Calls{Options: o, running: map[store.CallKey]chan struct{}{}}
}

// Request is one call.
type Request struct {
	Scope string   // whose key it is, such as "app 12"
	Key   []string // the header's values: one, of 1 to 255 visible ASCII characters
	Call  string   // what is called: the path
	Body  []byte   // and with what
}

// Begin takes up a call. The caller must End it, and unless it is Replayed
// either note an answer or Release it; a call that is left without either runs
// again when it is repeated. Errors: KindMalformed for a bad key, or one that
// was used with another call; KindOverloaded when ctx ended while another call
// of the key was under way, or from the store; KindInternal.
func (c *Calls) Begin(ctx context.Context, r Request) (*Call, error) {
	if len(r.Key) != 1 || !isKey(r.Key[0]) {
		return nil, core.E(core.KindMalformed, "the Idempotency-Key has not 1 to 255 visible ASCII characters")
	}
	look := &begin{ref: c.IDs.Next(),
		// A body may hold a number or a code: its hash is keyed as well.
		bodies: c.Keys.TokenHashes("idempotency body " + r.Call + "\n" + string(r.Body))}
	for _, hash := range c.Keys.TokenHashes("idempotency " + r.Scope + " " + r.Key[0]) {
		look.keys = append(look.keys, hash)
	}
	done, err := c.lock(ctx, look.keys[0])
	if err != nil {
		return nil, err
	}
	t, err := c.take(ctx, look)
	if err != nil {
		done()
		return nil, err
	}
	t.done = done
	return t, nil
}

// lock waits until no other call of the key is under way on this node.
func (c *Calls) lock(ctx context.Context, key store.CallKey) (done func(), err error) {
	for {
		c.mu.Lock()
		other, busy := c.running[key]
		if !busy {
			over := make(chan struct{})
			c.running[key] = over
			c.mu.Unlock()
			return sync.OnceFunc(func() {
				c.mu.Lock()
				delete(c.running, key)
				c.mu.Unlock()
				close(over)
			}), nil
		}
		c.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, underWay(ctx)
		}
	}
}

// take looks at the call's row, again and again while another node has it.
func (c *Calls) take(ctx context.Context, look *begin) (*Call, error) {
	tick := time.NewTicker(c.Interval)
	defer tick.Stop()
	for left := c.Patience; ; left -= c.Interval {
		if err := c.Store.Do(ctx, look); err != nil {
			return nil, err
		}
		t := &Call{calls: c, row: look.row, retried: look.found}
		if look.row.Status >= answered {
			var err error
			t.answer, err = c.Keys.Open(answerField, look.row.Answer)
			return t, err
		}
		if !look.found || core.IDNode(look.row.Ref) == c.Node || left <= 0 {
			return t, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, underWay(ctx)
		}
	}
}

func underWay(ctx context.Context) error {
	return core.Wrap(core.KindOverloaded, ctx.Err(), "another call with the Idempotency-Key is under way")
}

// isKey is contracts/README.md §3.4: 1 to 255 visible ASCII characters.
func isKey(key string) bool {
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return len(key) >= 1 && len(key) <= 255
}
