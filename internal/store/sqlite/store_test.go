package sqlite_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/store/storetest"
)

func fresh(t *testing.T) func() store.Engine {
	folder := t.TempDir()
	return func() store.Engine {
		e, err := sqlite.Open(context.Background(), sqlite.Options{Folder: folder, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Migrate(context.Background()); err != nil {
			t.Fatal(err)
		}
		e.Start()
		return e
	}
}

func TestStore(t *testing.T) { storetest.Run(t, fresh) }

func TestReq03_SingleUseUnderRace(t *testing.T) { storetest.SingleUse(t, fresh) }
