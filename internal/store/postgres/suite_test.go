package postgres

import (
	"context"
	"testing"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
)

func fresh(t *testing.T) func() store.Engine {
	o := empty(t)
	return func() store.Engine {
		e, err := Open(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Migrate(context.Background()); err != nil {
			t.Fatal(err)
		}
		return e
	}
}

func TestReq42_OneSuite(t *testing.T) { storetest.Run(t, fresh) }

func TestReq03_SingleUseUnderRace(t *testing.T) { storetest.SingleUse(t, fresh) }
