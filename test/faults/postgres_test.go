//go:build interop

package faults

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/store/postgres/postgrestest"
	"yanma.dev/yanma/test/process"
)

// startPostgres starts a server of the test's own.
func startPostgres(t *testing.T, o postgrestest.Options) *postgrestest.Cluster {
	t.Helper()
	cluster, err := postgrestest.Start(t.Context(), o)
	if errors.Is(err, postgrestest.ErrMissing) {
		process.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

func onPostgres(t *testing.T, cluster *postgrestest.Cluster) *site {
	t.Helper()
	return open(t, place{folder: dataFolder(t), database: cluster.URL("postgres")})
}

// stopFor is how long a database is stopped.
func stopFor(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("YANMA_STOP")
	if text == "" {
		return 4 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("YANMA_STOP: %v", err)
	}
	return d
}

// callers is how many ask at the same time.
const callers = 32

// A database that hangs: everybody is refused while it does, nobody waits for
// it.
func TestReq20_DatabaseStopped(t *testing.T) {
	t.Parallel()
	cluster := startPostgres(t, postgrestest.Options{})
	s := open(t, place{folder: dataFolder(t), database: cluster.URL("postgres"), within: 900 * time.Millisecond}) // as by default
	uid, number := s.logIn(), ""
	s.await("a code is on its way", func() (ok bool) { number, ok = s.getCode(); return ok })
	code := s.carrier.Code(t.Context(), number, 0)
	s.slowest = 0

	thaw, err := cluster.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	rounds := 0
	for end := time.Now().Add(stopFor(t)); rounds == 0 || time.Now().Before(end); rounds++ {
		// All of these are answered while the database stands still.
		if ok := s.ask(callers); ok > 0 {
			t.Errorf("%d were accepted while the database was stopped", ok)
		}
		if status, got := s.checkCode(number, code); status != 500 || got != refused {
			t.Errorf("check-code: %d %s", status, got)
		}
		if status, got := s.get("/u/" + uid + "/devices"); status != 500 || got != refused {
			t.Errorf("devices: %d %s", status, got)
		}
		if status, got := s.post("/u/"+uid+"/devices", fmt.Sprintf(`{"key":%q}`, s.key)); status != 500 || got != refused {
			t.Errorf("a new device: %d %s", status, got)
		}
	}
	t.Logf("counts: stopped for %s or more, %d rounds of %d callers, slowest answer %s", stopFor(t), rounds, callers+3, s.slowest.Round(time.Millisecond))
	s.isUnready()
	s.says("database", "no answer")
	if err := thaw(); err != nil {
		t.Fatal(err)
	}
	s.worksAgain()
	if status, got := s.checkCode(number, code); status != 200 || !strings.Contains(got, `"status":"ok"`) && !strings.Contains(got, `"0077"`) {
		t.Errorf("check-code afterwards: %d %s", status, got) // 0077: the try whose outcome nobody knew had used it
	}
	s.verdict(false)
}

// A database that is restarted, in order and by a crash, under load.
func TestReq41_DatabaseRestarted(t *testing.T) {
	t.Parallel()
	cluster := startPostgres(t, postgrestest.Options{})
	s := onPostgres(t, cluster)
	s.logIn()
	for _, restart := range []func() error{
		func() error { return cluster.Restart(t.Context()) },
		func() error {
			if err := cluster.Crash(); err != nil {
				return err
			}
			s.ask(callers)
			s.isUnready()
			s.says("database", "cannot be reached")
			return cluster.Resume(t.Context())
		},
	} {
		quit, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			for {
				select {
				case <-quit:
					return
				default:
					s.ask(callers / 4)
				}
			}
		}()
		s.await("there is load", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.accepted) > 20 })
		if err := restart(); err != nil {
			t.Error(err)
		}
		s.worksAgain()
		close(quit)
		<-ended
	}
	s.verdict(false)
}

// A database that became read-only, as the old primary after a fail-over.
func TestReq41_ReadOnlyPostgres(t *testing.T) {
	t.Parallel()
	cluster := startPostgres(t, postgrestest.Options{})
	s := onPostgres(t, cluster)
	s.logIn()
	set := func(value string) {
		t.Helper()
		for _, sql := range []string{"ALTER SYSTEM SET default_transaction_read_only = " + value, "SELECT pg_reload_conf()"} {
			if err := cluster.Exec(t.Context(), "postgres", sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	set("on")
	s.await("a caller is refused", func() bool { _, ok := s.getCode(); return !ok })
	s.says("the database is read-only")
	s.isUnready()
	set("off")
	s.worksAgain()
	s.verdict(true)
}

// The connection ends in the middle of a commit: nobody knows whether it
// happened. Asking again under the same Idempotency-Key is safe either way.
func TestReq41_CommitCut(t *testing.T) {
	t.Parallel()
	for name, happened := range map[string]bool{"it did not happen": false, "it happened": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := startPostgres(t, postgrestest.Options{})
			between := startProxy(t, cluster.Address())
			database := fmt.Sprintf("postgres://postgres@%s/postgres?sslmode=disable", between.addr())
			s := open(t, place{folder: dataFolder(t), database: database})
			s.logIn()
			sendCut(t, s, between, happened)
			uid := checkCut(t, s, between, happened)
			if status, got := s.post("/u/"+uid+"/devices", fmt.Sprintf(`{"key":%q}`, s.key)); status != 200 {
				t.Errorf("the user who logged in: %d %s", status, got)
			}
			s.says("nobody knows whether it was committed")
			s.worksAgain()
			s.verdict(false)
		})
	}
}

// sendCut cuts the commit of a code. The server has commits of its own: it tries
// until the cut meets a caller's.
func sendCut(t *testing.T, s *site, between *proxy, happened bool) {
	t.Helper()
	for try := range 50 {
		s.quiet()
		number, key := s.number(), fmt.Sprintf("send-%v-%d", happened, try)
		between.cutNext(happened)
		if s.getCodeOnce(number, key) {
			continue
		}
		status, got := s.postOnce("/get-code", fmt.Sprintf(`{"key":%q,"phone_no":%q}`, s.key, number), key)
		t.Logf("asked again: %d %s", status, got)
		again := status == 200 && got == fmt.Sprintf(accepted, number)
		limited := status == 429 && strings.Contains(got, `"0074"`)
		if happened && !again || !again && !limited { // what may have been sent has used the number's limit
			t.Errorf("asked again: %d %s", status, got)
		}
		return
	}
	t.Error("no commit of a code was cut")
}

// checkCut cuts the commit of a login, and gives the user.
func checkCut(t *testing.T, s *site, between *proxy, happened bool) (uid string) {
	t.Helper()
	for try := range 50 {
		number, ok := s.getCode()
		if !ok {
			continue // cut by chance
		}
		code := s.carrier.Code(t.Context(), number, 0)
		s.quiet()
		key := fmt.Sprintf("check-%v-%d", happened, try)
		between.cutNext(happened)
		status, got := s.checkCodeOnce(number, code, key)
		if status == 200 {
			continue
		}
		if got != refused {
			t.Errorf("check-code: %d %s", status, got)
		}
		_, got = s.checkCodeOnce(number, code, key)
		return process.UID(t, got)
	}
	t.Fatal("no commit of a login was cut")
	return ""
}
