package app

import (
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/sqlite"
)

// TestSecondKeyringIsRefused: of two first starts at the same moment, each with
// a keyring of its own, the one that comes second is told so.
func TestSecondKeyringIsRefused(t *testing.T) {
	db, err := sqlite.Open(t.Context(), sqlite.Options{Folder: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	ok(t, err)
	defer func() { ok(t, db.Close()) }()
	ok(t, db.Migrate(t.Context()))
	bind := func() (*keyring.Ring, error) {
		ring, err := keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, time.Now())
		ok(t, err)
		return ring, db.Update(t.Context(), func(q store.SQL) error {
			_, err := bindKeyring(t.Context(), q, ring)
			return err
		})
	}
	first, err := bind()
	ok(t, err)
	if _, err := bind(); err == nil || !strings.Contains(err.Error(), "belongs to the keyring of installation "+first.InstallationID()) {
		t.Errorf("the second keyring: %v", err)
	}
	installation, _, err := boundKeyring(t.Context(), db)
	if err != nil || installation != first.InstallationID() {
		t.Errorf("bound to %s, %v; want the first", installation, err)
	}
}

// TestBoundGenerationOnlyGrows: a server that has not taken over the newest
// keyring yet does not write the older one down.
func TestBoundGenerationOnlyGrows(t *testing.T) {
	db, err := sqlite.Open(t.Context(), sqlite.Options{Folder: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	ok(t, err)
	defer func() { ok(t, db.Close()) }()
	ok(t, db.Migrate(t.Context()))
	path := filepath.Join(t.TempDir(), "keyring.json")
	newest, err := keyring.Create(path, rand.Reader, time.Now())
	ok(t, err)
	behind, err := keyring.Open(path, rand.Reader)
	ok(t, err)
	ok(t, newest.RotateCodeKey())
	for _, c := range []struct {
		ring  *keyring.Ring
		fresh bool
	}{{newest, true}, {behind, false}, {newest, false}} {
		ok(t, db.Update(t.Context(), func(q store.SQL) error {
			fresh, err := bindKeyring(t.Context(), q, c.ring)
			if fresh != c.fresh {
				t.Errorf("fresh is %v for generation %d", fresh, c.ring.Generation())
			}
			return err
		}))
		if _, bound, err := boundKeyring(t.Context(), db); err != nil || bound != newest.Generation() {
			t.Errorf("bound to generation %d, %v; want %d", bound, err, newest.Generation())
		}
	}
}
