//go:build interop

package faults

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/store/postgres/postgrestest"
	"yanma.dev/yanma/test/process"
)

// bothEngines runs a test on SQLite and on PostgreSQL.
func bothEngines(t *testing.T, test func(*testing.T, place)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, place{folder: dataFolder(t)})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		cluster := startPostgres(t, postgrestest.Options{})
		test(t, place{folder: dataFolder(t), database: cluster.URL("postgres")})
	})
}

// degraded waits until /readyz says that no carrier is there: callers are
// served, and what they ask for waits on disk.
func (s *site) degraded() {
	s.t.Helper()
	s.await("/readyz says degraded", func() bool {
		status, body := s.get("/readyz")
		return status == http.StatusOK && strings.Contains(body, `"status":"degraded","store":"ok"`)
	})
	if status, body := s.get("/healthz"); status != http.StatusOK {
		s.t.Errorf("/healthz: %d %s", status, body)
	}
}

// keeps asks for codes while no carrier is there: all are accepted, none is
// sent.
func (s *site) keeps() {
	s.t.Helper()
	before := len(s.carrier.Counts())
	if ok := s.ask(callers); ok != callers {
		s.t.Errorf("%d of %d were accepted", ok, callers)
	}
	if now := len(s.carrier.Counts()); now != before {
		s.t.Errorf("%d messages went to a carrier that is not there", now-before)
	}
	if books := s.ledger(); int(books.Held) < callers {
		s.t.Errorf("%d messages wait, %d credits are held", callers, books.Held)
	}
}

// The carrier's hosts can not be reached, then can.
func TestReq41_CarrierUnreachable(t *testing.T) {
	bothEngines(t, func(t *testing.T, p place) {
		between := startProxy(t, "") // closes every connection
		p.provider = between.addr()
		s := open(t, p)
		s.degraded()
		s.says("link", `"carrier"`, "reason")
		s.keeps()
		between.lead(s.carrier.Addr())
		s.worksAgain()
		s.quiet() // a message without its answer would be sent again
		between.lead("")
		s.degraded()
		s.keeps()
		between.lead(s.carrier.Addr())
		s.worksAgain()
		s.verdict(true)
	})
}

// carrierName is a name that only the test's own file of hosts knows.
const carrierName = "carrier.yanma.test"

// Nobody knows the carrier's name, then somebody does. The server runs with
// files of its own in place of /etc/hosts and /etc/resolv.conf.
func TestReq41_CarrierName(t *testing.T) {
	bothEngines(t, func(t *testing.T, p place) {
		files := t.TempDir()
		hosts, resolver := filepath.Join(files, "hosts"), filepath.Join(files, "resolv.conf")
		put(t, hosts, "127.0.0.1 localhost\n")
		put(t, resolver, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n") // where nobody answers
		p.wrap = func(command *exec.Cmd) {
			script := `mount --bind "$HOSTS" /etc/hosts && mount --bind "$RESOLVER" /etc/resolv.conf && exec "$@"`
			command.Args = append([]string{"unshare", "--mount", "sh", "-c", script, "sh"}, command.Args...)
			command.Path = lookPath(t, "unshare")
			command.Env = append(command.Env, "HOSTS="+hosts, "RESOLVER="+resolver)
		}
		p.name = carrierName
		s := open(t, p)
		s.degraded()
		s.says("lookup "+carrierName, "carrier")
		s.keeps()
		put(t, hosts, "127.0.0.1 localhost "+carrierName+"\n")
		s.worksAgain()
		s.verdict(true)
	})
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// lookPath finds a program that takes a right to use which CI has.
func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		err = exec.Command(path, "--mount", "true").Run()
	}
	if err != nil {
		process.Missing(t, "no right to give a process files of its own: "+err.Error())
	}
	return path
}
