package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/node"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/rotation"
)

// tryOpen opens the server on its folder, which must fail.
func (w *whole) tryOpen(t *testing.T) error {
	t.Helper()
	log := obs.NewWriter(io.Discard, time.Now, obs.WriterOptions{})
	t.Cleanup(func() { _ = log.Close() })
	a, err := Open(t.Context(), w.config, Deps{Now: w.clock.Now, Random: rand.Reader, Jitter: func() float64 { return 0 }, Log: log, Version: "test"})
	if err == nil {
		_ = a.close()
		t.Fatal("the server opens")
	}
	return err
}

// Of two servers with one number on one database the second is refused while
// the first is alive.
func TestNodeNumberIsTaken(t *testing.T) {
	w := startWholeOn(t, server.URL(server.Database(t, "")))
	second := w.prepareNode(t)
	second.config.Store.Node = w.config.Store.Node
	if err := second.tryOpen(t); !errors.Is(err, node.ErrTaken) || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is %v", err)
	}
	ok(t, w.Stop(context.Background()))
	second.open(t)
	ok(t, second.Stop(context.Background()))
}

// A second node without the keyring is refused in a sentence, and makes none.
func TestNodeWithoutTheKeyring(t *testing.T) {
	w := startWholeOn(t, server.URL(server.Database(t, "")))
	second := w.prepareNode(t)
	path := filepath.Join(second.config.Store.Data, "keyring.json")
	ok(t, os.Remove(path))
	err := second.tryOpen(t)
	if want := "the keyring " + path + " is missing, and without it this database can not be read: put the keyring of installation " +
		w.ring.InstallationID() + " back in its place"; err.Error() != want {
		t.Errorf("the error is %q, want %q", err, want)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("a keyring was made")
	}
}

// share makes both servers use one keyring file.
func (w *whole) share(second *whole) {
	second.config.Store.Keyring = filepath.Join(w.config.Store.Data, "keyring.json")
}

// Requirement row 11 on two servers with one keyring file: whichever rotates,
// the other one knows the keys when it meets them, and can rotate itself.
func TestReq11_TwoServersRotate(t *testing.T) {
	ctx := t.Context()
	w := startWholeOn(t, server.URL(server.Database(t, "")))
	w.Do(t, "provisioner", []string{"none"})
	second := w.prepareNode(t)
	w.share(second)
	second.open(t)
	t.Cleanup(func() { _ = second.Stop(context.Background()) })
	nodes := []*whole{w, second}
	for i := range 6 {
		here, there := nodes[i%2], nodes[1-i%2]
		for _, kind := range []rotation.Kind{rotation.Code, rotation.Field, rotation.Token} {
			_, err := here.operatorClient().RotateKeyring(ctx, kind)
			ok(t, err)
		}
		phone := fmt.Sprintf("1380013800%d", i)
		if got := here.mustCall(t, "/get-code", w.sendBody(phone)); !strings.Contains(got.body, `"ok"`) {
			t.Fatalf("get-code %d: %+v", i, got)
		}
		here.delivered()
		if got := there.mustCall(t, "/check-code", w.checkBody(t, phone)); !strings.Contains(got.body, `"yb_uid"`) {
			t.Fatalf("check-code %d: %+v", i, got)
		}
	}
	// At the same moment: each rotation takes effect, or is refused.
	began := w.ring.Generation()
	var all sync.WaitGroup
	var made atomic.Uint64
	for i := range 20 {
		all.Go(func() {
			_, err := nodes[i%2].operatorClient().RotateKeyring(ctx, rotation.Code)
			var refused *client.Error
			switch {
			case err == nil:
				made.Add(1)
			case !errors.As(err, &refused) || refused.Code != "conflict":
				t.Error(err)
			}
		})
	}
	all.Wait()
	ring, err := keyring.Open(second.config.Store.Keyring, rand.Reader)
	ok(t, err)
	if made.Load() == 0 || ring.Generation() != began+made.Load() {
		t.Errorf("%d rotations, generation %d after %d", made.Load(), ring.Generation(), began)
	}
	for _, n := range nodes {
		n.await(t, "the newest keys", func() bool { return n.ring.Generation() == ring.Generation() })
	}
}

// A server with a keyring file of its own rotates only with the newest one, and
// takes it over when it is put in place.
func TestCopiedKeyring(t *testing.T) {
	w := startWholeOn(t, server.URL(server.Database(t, "")))
	second := w.secondNode(t)
	_, err := w.operatorClient().RotateKeyring(t.Context(), rotation.Code)
	ok(t, err)
	_, err = second.operatorClient().RotateKeyring(t.Context(), rotation.Code)
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Code != "conflict" || !strings.Contains(refused.Message, "copy its keyring.json here") {
		t.Errorf("the error is %v", err)
	}
	newest, err := os.ReadFile(filepath.Join(w.config.Store.Data, "keyring.json"))
	ok(t, err)
	path := filepath.Join(second.config.Store.Data, "keyring.json")
	ok(t, os.WriteFile(path+".copy", newest, 0o600))
	ok(t, os.Rename(path+".copy", path))
	second.await(t, "the newest keys", func() bool { return second.ring.Generation() == w.ring.Generation() })
	_, err = second.operatorClient().RotateKeyring(t.Context(), rotation.Code)
	ok(t, err)
}

// await polls for what happens in the background.
func (w *whole) await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: waited for in vain", what)
		}
	}
}
