package simulation

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/tenant"
)

const (
	operatorToken = "a token of an operator"
	smsPrice      = core.Credits(3)
	loginPrice    = core.Credits(2)
	funded        = core.Credits(100_000)
	codeLife      = 20 * time.Second
	resendAfter   = 6 * time.Second // a second code for a number
)

// site is a data folder with one app, as an operator sets it up. It is made
// once; every run begins with a copy.
type site struct {
	files map[string][]byte
	app   core.AppID
	key   string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{files: map[string][]byte{}}
	bubble(t, func(t *testing.T) {
		w := &world{t: t, fate: 1, net: newNetwork(1), folder: scratch(t), hits: newHits(), crashed: make(chan *life, 64)}
		w.trace.began = time.Now()
		w.calm.Store(true)
		w.next = filepath.Join(w.folder, "site")
		w.start()
		ok(t, s.setUp(w))
		ok(t, w.current.stop())
		for _, name := range []string{"yanma.db", "keyring.json"} {
			b, err := os.ReadFile(filepath.Join(w.next, name))
			ok(t, err)
			s.files[name] = b
		}
	})
	return s
}

func (s *site) setUp(w *world) error {
	ctx := context.Background()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		return w.net.dial(ctx, "operator", "operator", "10.0.9.1:1000", address)
	}}
	defer transport.CloseIdleConnections()
	operator := client.New("http://"+operatorAddr, core.NewSecret(operatorToken), &http.Client{Transport: transport})
	owner, err := operator.CreateTenant(ctx, "simulation")
	if err != nil {
		return err
	}
	signature, life := "验码", int(codeLife/time.Second)
	view, key, err := operator.CreateApp(ctx, tenant.Spec{Tenant: owner.ID, Name: "app", Settings: tenant.Patch{Signature: &signature, CodeLife: &life}})
	if err != nil {
		return err
	}
	s.app, s.key = view.ID, key.Reveal()
	_, err = operator.AddAppCredit(ctx, view.ID, api.NewCredit{Amount: funded}, "")
	return err
}

// unpack writes the site's files into a new folder.
func (s *site) unpack(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for name, b := range s.files {
		if err := os.WriteFile(filepath.Join(folder, name), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// scratch is a folder in memory where there is one: no crash here loses what
// was written and not synced by the kernel, so nothing is gained by a real disk.
func scratch(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/dev/shm", "simulation")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { ok(t, os.RemoveAll(folder)) })
	return folder
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func carrierName(i int) string { return fmt.Sprint("carrier", i+1) }

var carrierAddrs = [...]string{"10.0.2.1:2775", "10.0.2.2:2775"}
