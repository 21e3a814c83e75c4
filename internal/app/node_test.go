package app

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/node"
	"yanma.dev/yanma/internal/obs"
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
