package idempotency

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is two nodes on one database, and what calls did to it.
type world struct {
	nodes  [2]*Calls
	ring   *keyring.Ring
	memory *storetest.Memory
	clock  atomic.Int64
	done   int // effects
}

func (w *world) now() time.Time { return time.Unix(1_770_000_000, w.clock.Load()) }

func newWorld(t *testing.T, patience time.Duration) *world {
	t.Helper()
	w := &world{memory: storetest.NewMemory()}
	var err error
	w.ring, err = keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, w.now())
	must(t, err)
	b := store.NewBatcher(w.memory, w.now, slog.New(slog.DiscardHandler), store.Options{})
	b.Start()
	t.Cleanup(b.Stop)
	for i := range w.nodes {
		w.nodes[i] = New(Options{Store: b, Keys: w.ring, IDs: core.NewIDs(w.now, uint8(i)), Node: uint8(i), Patience: patience, Interval: time.Millisecond})
	}
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// effect is a command that must happen once.
type effect struct{ w *world }

func (effect) Want(*store.Batch) {}
func (e effect) Decide(b *store.Batch) error {
	e.w.done++
	b.AppendJournal([]byte{1})
	return nil
}

func (w *world) begin(t *testing.T, node int, body string) *Call {
	t.Helper()
	call, err := w.nodes[node].Begin(t.Context(), request(body))
	must(t, err)
	return call
}

func request(body string) Request {
	return Request{Scope: "app 1", Key: []string{"key"}, Call: "/send", Body: []byte(body)}
}

func (w *world) run(t *testing.T, call *Call, answer string) error {
	t.Helper()
	return call.calls.Store.Do(t.Context(), call.Around(effect{w}, 200, func() []byte { return []byte(answer) }))
}

func wantAnswer(t *testing.T, call *Call, want string) {
	t.Helper()
	status, answer, ok := call.Replayed()
	if !ok || status != 200 || string(answer) != want {
		t.Errorf("answer %d %q %v, want %q", status, answer, ok, want)
	}
}

// What an earlier life of this node left without an answer is run again at once,
// under the same id.
func TestRetried(t *testing.T) {
	w := newWorld(t, time.Hour)
	first := w.begin(t, 0, "body")
	first.End()
	second := w.begin(t, 0, "body")
	if first.Retried() || !second.Retried() || second.Ref() != first.Ref() {
		t.Fatalf("the second call: retried %v, ref %d, want %d", second.Retried(), second.Ref(), first.Ref())
	}
	must(t, w.run(t, second, "done"))
	second.End()
	second.End()
	wantAnswer(t, w.begin(t, 0, "body"), "done")
}

// A call that another node has is waited for.
func TestReq32_WaitsForAnotherNode(t *testing.T) {
	w := newWorld(t, time.Hour)
	first := w.begin(t, 0, "body")
	waiting := make(chan *Call)
	go func() {
		call, err := w.nodes[1].Begin(context.Background(), request("body"))
		if err != nil {
			t.Error(err)
		}
		waiting <- call
	}()
	must(t, w.run(t, first, "done"))
	wantAnswer(t, <-waiting, "done")
	if w.done != 1 {
		t.Errorf("%d effects", w.done)
	}
}

// When the other node does not answer, the call is run here; whoever commits
// first has the effect, and the other one its answer.
func TestReq32_TwoNodesRunOneCall(t *testing.T) {
	w := newWorld(t, time.Millisecond)
	slow := w.begin(t, 0, "body")
	fast := w.begin(t, 1, "body")
	if !fast.Retried() {
		t.Error("it is not the same call")
	}
	must(t, w.run(t, fast, "fast"))
	if err := w.run(t, slow, "slow"); !errors.Is(err, ErrAnswered) {
		t.Errorf("error %v", err)
	}
	wantAnswer(t, slow, "fast")
	must(t, slow.Answer(t.Context(), 200, []byte("slow")))
	must(t, slow.Release(t.Context()))
	fast.End()
	wantAnswer(t, w.begin(t, 1, "body"), "fast")
	if w.done != 1 {
		t.Errorf("%d effects", w.done)
	}
}

// A call that was refused frees its key, for any other call.
func TestRelease(t *testing.T) {
	w := newWorld(t, time.Millisecond)
	slow := w.begin(t, 0, "body")
	fast := w.begin(t, 1, "body")
	must(t, fast.Release(t.Context()))
	fast.End()
	other := w.begin(t, 1, "another body")
	if other.Retried() {
		t.Error("the key is not free")
	}
	must(t, slow.Release(t.Context())) // not its row any more
	must(t, w.run(t, other, "other"))
	if err := w.run(t, slow, "slow"); core.KindOf(err) != core.KindMalformed {
		t.Errorf("error %v", err)
	}
	if w.done != 1 {
		t.Errorf("%d effects", w.done)
	}
}

func TestBegin(t *testing.T) {
	w := newWorld(t, time.Hour)
	for _, bad := range [][]string{nil, {""}, {" "}, {"a\tb"}, {"é"}, {"\x7f"}, {strings.Repeat("k", 256)}, {"a", "a"}} {
		r := request("body")
		if r.Key = bad; !isMalformed(w.nodes[0].Begin(t.Context(), r)) {
			t.Errorf("the key %q is taken", bad)
		}
	}
	call := w.begin(t, 0, "body")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for node := range w.nodes { // one waits in memory, the other at the row
		if _, err := w.nodes[node].Begin(gone, request("body")); err == nil {
			t.Errorf("node %d did not wait", node)
		}
	}
	must(t, call.Answer(t.Context(), 202, []byte("later")))
	call.End()
	if !isMalformed(w.nodes[1].Begin(t.Context(), request("another body"))) {
		t.Error("another body is taken")
	}
	must(t, w.ring.RotateTokenKey())
	must(t, w.ring.RotateFieldKey())
	again := w.begin(t, 1, "body")
	if status, answer, ok := again.Replayed(); !ok || status != 202 || string(answer) != "later" {
		t.Errorf("after rotations: %d %s %v", status, answer, ok)
	}
	again.End()
	w.clock.Store(int64(Life))
	if _, _, ok := w.begin(t, 0, "another body").Replayed(); ok {
		t.Error("an answer lives for more than 24 hours")
	}
}

func isMalformed(_ *Call, err error) bool { return core.KindOf(err) == core.KindMalformed }

// What is stored can not be read from the database.
func TestNothingInTheClear(t *testing.T) {
	w := newWorld(t, time.Hour)
	call := w.begin(t, 0, "13800138000")
	must(t, w.run(t, call, "13800138000"))
	for _, row := range w.memory.Rows().Calls {
		if all := string(row.Key[:]) + string(row.Body[:]) + string(row.Answer); strings.Contains(all, "13800138000") || strings.Contains(all, "key") {
			t.Errorf("%q", all)
		}
	}
}
