//go:build interop

package backup

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"yanma.dev/yanma/internal/store/postgres/postgrestest"
	"yanma.dev/yanma/test/process"
)

var binary string

func TestMain(m *testing.M) { os.Exit(process.Main(m, &binary)) }

const (
	user      = "13800138000"
	other     = "13800138001"
	throttled = "13800199904" // the simulated carrier never takes it
)

// run runs a command to its end and gives what it said.
func run(t *testing.T, want int, args ...string) string {
	t.Helper()
	p := process.Start(t, exec.Command(binary, args...))
	if code := p.Wait(); code != want {
		t.Fatalf("yanma %s: exit code %d\n%s%s", strings.Join(args, " "), code, p.Out, p.Err)
	}
	return p.Out.String() + p.Err.String()
}

// place is where a dev server has its data.
type place struct{ folder, url string }

func (p place) flags() []string {
	if p.url == "" {
		return []string{"--data", p.folder}
	}
	return []string{"--data", p.folder, "--database", p.url}
}

func (p place) dev(t *testing.T) *process.DevServer {
	t.Helper()
	flags := []string{"--limits", "off"}
	if p.url != "" {
		flags = append(flags, "--database", p.url)
	}
	return process.Dev(t, binary, p.folder, flags...)
}

func stop(t *testing.T, d *process.DevServer) {
	t.Helper()
	d.Signal(syscall.SIGTERM)
	if code := d.Wait(); code != 0 {
		t.Fatalf("exit code %d: %s", code, d.Err)
	}
}

// clean says that fsck finds nothing.
func (p place) clean(t *testing.T) {
	t.Helper()
	if said := run(t, 0, append([]string{"fsck", "--all"}, p.flags()...)...); !strings.Contains(said, "\nok: nothing wrong was found; ") {
		t.Errorf("fsck: %s", said)
	}
}

// next is another place, with the keyring and the demo app's key of p.
func (p place) next(t *testing.T, url string) place {
	t.Helper()
	n := place{folder: t.TempDir(), url: url}
	for _, name := range []string{"keyring.json", "dev-secrets.json"} {
		data, err := os.ReadFile(filepath.Join(p.folder, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(n.folder, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// pool is a balance of the demo app.
type pool struct{ Available, Held int64 }

func credit(t *testing.T, d *process.DevServer) pool {
	t.Helper()
	var said struct{ Pools []pool }
	if err := json.Unmarshal([]byte(run(t, 0, "credit", "show", "--app", "1", "--dev", d.Folder, "--json")), &said); err != nil || len(said.Pools) != 1 {
		t.Fatal(said, err)
	}
	return said.Pools[0]
}

// settled waits until nothing but held credits are reserved: what was sent is
// noted as sent.
func settled(t *testing.T, d *process.DevServer, held int64) pool {
	t.Helper()
	for end := time.Now().Add(process.Patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if p := credit(t, d); p.Held == held {
			return p
		}
	}
	t.Fatalf("%d credits are not settled; %d were to be held", credit(t, d).Held, held)
	return pool{}
}

// TestReq47_RestoreOfARunningServer: a backup is made while the server works,
// the server runs on; from the restored one no old message leaves, no old code
// is right, and the users are who they were.
func TestReq47_RestoreOfARunningServer(t *testing.T) {
	first := place{folder: t.TempDir()}
	d := first.dev(t)
	uid := d.LogIn(user)
	d.GetCode(other)
	code := d.AwaitCode(other, 0)
	d.GetCode(throttled)
	settled(t, d, 1)
	file := filepath.Join(t.TempDir(), "yanma.bak")
	run(t, 0, append([]string{"backup", file}, first.flags()...)...)
	first.clean(t) // while it runs
	process.UID(t, d.CheckCode(other, code))
	stop(t, d)

	second := first.next(t, "")
	said := run(t, 0, append([]string{"restore", file}, second.flags()...)...)
	for _, line := range []string{"codes that died:             2\n", "messages that ended unsent:  1\n", "reservations refunded:       1, 1 credits\n"} {
		if !strings.Contains(said, line) {
			t.Errorf("the report lacks %q:\n%s", line, said)
		}
	}
	second.clean(t)
	d = second.dev(t)
	if got := d.CheckCode(other, code); !strings.Contains(got, `"code":"0077"`) {
		t.Errorf("the old code: %s", got)
	}
	if again := d.LogIn(user); again != uid {
		t.Errorf("%s is %s now, and was %s", user, again, uid)
	}
	if left := append(d.Messages(throttled), d.Messages(other)...); len(left) != 0 {
		t.Errorf("%d old messages left", len(left))
	}
	stop(t, d)
	second.clean(t)
}

// TestReq42_MoveBetweenEngines: SQLite → PostgreSQL → SQLite. A code that was
// alive is right after the move, users keep their ids, the app its credit.
func TestReq42_MoveBetweenEngines(t *testing.T) {
	cluster, err := postgrestest.Start(context.Background(), postgrestest.Options{})
	if errors.Is(err, postgrestest.ErrMissing) {
		process.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := cluster.Create(t.Context(), "yanma", ""); err != nil {
		t.Fatal(err)
	}
	here := place{folder: t.TempDir()}
	d := here.dev(t)
	uid := d.LogIn(user)
	for _, next := range []place{here.next(t, cluster.URL("yanma")), here.next(t, "")} {
		d.GetCode(other)
		code, had := d.AwaitCode(other, 0), settled(t, d, 0)
		if said := run(t, 1, append([]string{"backup", "--move", filepath.Join(t.TempDir(), "early")}, here.flags()...)...); strings.Count(said, "\n") != 1 {
			t.Errorf("a move of a running server: %s", said)
		}
		stop(t, d)
		file := filepath.Join(t.TempDir(), "yanma.bak")
		run(t, 0, append([]string{"backup", "--move", file}, here.flags()...)...)
		run(t, 0, append([]string{"restore", "--move", file}, next.flags()...)...)
		here = next
		here.clean(t)
		d = here.dev(t)
		if has := credit(t, d); has != had {
			t.Errorf("the app has %+v now, and had %+v", has, had)
		}
		process.UID(t, d.CheckCode(other, code))
		if again := d.LogIn(user); again != uid {
			t.Errorf("%s is %s now, and was %s", user, again, uid)
		}
	}
	stop(t, d)
	here.clean(t)
}

// TestFsckOfAServerAtWork: what a server leaves on disk, at work and after
// kill -9, is in order, whatever carriers and callers did.
func TestFsckOfAServerAtWork(t *testing.T) {
	here := place{folder: t.TempDir()}
	d := here.dev(t)
	for _, phone := range []string{"13800199901", "13800199902", "13800199903", "13800199904", "13800199905", "13800199906", "13800199907", "13800199908", "13800199909", "13800199910"} {
		d.GetCode(phone) // each is treated in another way by the simulated carrier
	}
	here.clean(t)
	uid := d.LogIn(user)
	if made := process.Post(t, d.BaseURL+"/u/"+uid+"/devices", `{"key":"`+d.Yunbox.Key+`"}`); !strings.Contains(made, `"device_id"`) {
		t.Errorf("a device: %s", made)
	}
	d.GetCode(other)
	d.AwaitCode(other, 0)
	for range 6 {
		d.CheckCode(other, "0000")
	}
	process.UID(t, d.CheckCode("12345678910", "4433")) // the test number
	for _, key := range []string{"code", "field", "token", "index"} {
		run(t, 0, "keyring", "rotate", key, "--dev", d.Folder)
		d.LogIn(user)
	}
	here.clean(t)
	d.Kill()
	here.clean(t)
	d = here.dev(t)
	if again := d.LogIn(user); again != uid {
		t.Errorf("%s is %s now, and was %s", user, again, uid)
	}
	stop(t, d)
	here.clean(t)
}
