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
