package numberverify

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/postgres/postgrestest"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/tenant"
)

// server is the PostgreSQL server of this package's tests.
var server *postgrestest.Server

func TestMain(m *testing.M) {
	os.Exit(postgrestest.Main(m, postgrestest.Options{}, func(s *postgrestest.Server) { server = s }))
}

// engine is a database with its schema.
type engine interface {
	store.Engine
	Migrate(context.Context) error
}

// TestReq31_OneUseOnEngines: twenty proofs, each asked with by 16 callers at
// once: on SQLite through one server, on PostgreSQL through two. Each serves
// once, and each is charged once.
func TestReq31_OneUseOnEngines(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		e, err := sqlite.Open(t.Context(), sqlite.Options{Folder: t.TempDir(), Now: time.Now, Log: quiet})
		wantOK(t, err)
		oneUse(t, e)
	})
	t.Run("postgres", func(t *testing.T) {
		url := server.URL(server.Database(t, ""))
		var nodes []engine
		for range 2 {
			e, err := postgres.Open(t.Context(), postgres.Options{URL: url, Now: time.Now, Log: quiet})
			wantOK(t, err)
			nodes = append(nodes, e)
		}
		oneUse(t, nodes...)
	})
}

func oneUse(t *testing.T, engines ...engine) {
	ring, err := keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, epoch)
	wantOK(t, err)
	app := &tenant.App{ID: 1, Tenant: 1, VerifyPrice: verifyPrice}
	gateway := &scripted{name: "mobile", can: everyone, act: always(match, nil)}
	var nodes []*Service
	for i, e := range engines {
		t.Cleanup(func() { wantOK(t, e.Close()) })
		if i == 0 {
			wantOK(t, e.Migrate(t.Context()))
		}
		b := store.NewBatcher(e, time.Now, quiet, store.Options{})
		b.Start()
		t.Cleanup(b.Stop)
		s := New(Options{Store: b, Ring: ring, IDs: core.NewIDs(time.Now, uint8(i+1)), Now: time.Now, Log: quiet, Routes: []Route{{Gateway: gateway}}})
		s.Start()
		t.Cleanup(s.Stop)
		nodes = append(nodes, s)
		if i == 0 {
			wantOK(t, b.Do(t.Context(), &billing.TopUp{IDs: s.o.IDs, Amount: plenty, Payer: billing.PayerOf(1, 1, false, core.PoolGeneral)}))
		}
	}
	const proofs, callers = 20, 16
	w := &world{}
	var right, refused atomic.Int32
	for range proofs {
		p := w.proof()
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				_, err := nodes[i%len(nodes)].Verify(t.Context(), VerifyRequest{App: app, Proof: p, Phone: zhang})
				if e, ok := AsError(err); ok && e.Class == ClassProof {
					refused.Add(1)
				} else if err == nil {
					right.Add(1)
				} else {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if right.Load() != proofs || refused.Load() != proofs*(callers-1) || gateway.count() != proofs {
		t.Errorf("%d answered, %d refused, the carrier was asked %d times", right.Load(), refused.Load(), gateway.count())
	}
	e := engines[0]
	wantOK(t, e.View(t.Context(), func(q store.SQL) error {
		sums, err := records.AccountSums(t.Context(), q)
		for _, a := range sums {
			_, _, kind := billing.Split(a.Account)
			want := map[billing.Kind]core.Credits{billing.Available: plenty - proofs*verifyPrice, billing.Held: 0, billing.Revenue: proofs * verifyPrice, billing.Funding: -plenty}[kind]
			if a.Balance != want || a.Drift() != 0 {
				t.Errorf("%s has %d, its entries sum to %d, want %d", billing.Name(a.Account), a.Balance, a.Ledger, want)
			}
		}
		return err
	}))
}
