package app

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// newSession writes a user and a session as a login does.
type newSession struct {
	number account.Number
	row    store.Session
}

func (c newSession) Want(b *store.Batch) { account.WantUser(b, c.number) }

func (c newSession) Decide(b *store.Batch) error {
	u, _ := account.Login(b, c.number, c.row.User, 0)
	c.row.User, c.row.AuthTime, c.row.Expires = u.ID, b.Now, b.Now.Add(time.Hour)
	b.PutSession(c.row)
	return nil
}

// TestReq29_EveryNode: on two nodes of one database parallel refreshes of one
// token make one lineage, and a logout against them leaves nothing: a token that
// one node ended is refused by the other with its next call.
func TestReq29_EveryNode(t *testing.T) {
	url, quiet := server.URL(server.Database(t, "")), slog.New(slog.DiscardHandler)
	ring, err := keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, time.Now())
	ok(t, err)
	var nodes [2]*account.Sessions
	var batchers [2]*store.Batcher
	var sources [2]*core.IDs
	for i := range nodes {
		e, err := postgres.Open(t.Context(), postgres.Options{URL: url, Now: time.Now, Log: quiet})
		ok(t, err)
		t.Cleanup(func() { _ = e.Close() })
		ok(t, e.Migrate(t.Context()))
		batchers[i], sources[i] = store.NewBatcher(e, time.Now, quiet, store.Options{}), core.NewIDs(time.Now, uint8(i))
		batchers[i].Start()
		t.Cleanup(batchers[i].Stop)
		nodes[i] = account.NewSessions(account.SessionOptions{Store: batchers[i], View: e, Once: records.NewOnce(e, time.Now), Ring: ring,
			Aliases: account.NewAliases(ring, e), IDs: sources[i], Now: time.Now, Random: rand.Reader, Log: quiet})
	}
	settings := tenant.DefaultOneAccess()
	app := &tenant.App{ID: 2, Tenant: 1, OneAccess: &tenant.OneAccess{OneAccessSettings: settings}}
	number, err := account.RealNumber(ring, 1, core.PhoneFromE164("+8615200000000"))
	ok(t, err)
	const device = "156aysdna213sac"
	for round := range 8 {
		fresh, err := account.DrawSession(rand.Reader, sources[0])
		ok(t, err)
		ok(t, batchers[0].Do(t.Context(), newSession{number: number, row: store.Session{Key: fresh.Key, Kind: store.SessionOpen, Family: fresh.Family,
			Tenant: 1, App: 2, User: 1, Device: account.DeviceHash(ring, 2, device)}}))
		token := fresh.Token.Reveal()
		s, err := nodes[1].Find(t.Context(), app, token, device)
		ok(t, err)
		var all sync.WaitGroup
		var mu sync.Mutex
		given := map[string]bool{}
		for i := range 16 {
			all.Go(func() {
				next, _, err := nodes[i%2].Refresh(context.Background(), app, token, device)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					given[next.Reveal()] = true
				} else if round%2 == 0 {
					t.Errorf("a refresh: %v", err)
				}
			})
		}
		if round%2 == 1 { // a logout among them
			all.Go(func() { ok(t, nodes[1].End(context.Background(), s)) })
		}
		all.Wait()
		if len(given) > 1 {
			t.Errorf("%d lineages", len(given))
		}
		if round%2 == 0 {
			ok(t, nodes[0].End(t.Context(), s))
		}
		given[token] = true
		for next := range given {
			for i, node := range nodes {
				if _, err := node.Find(t.Context(), app, next, device); core.KindOf(err) != core.KindUnauthenticated || err == nil {
					t.Errorf("round %d: node %d takes an ended token: %v", round, i, err)
				}
			}
		}
	}
}
