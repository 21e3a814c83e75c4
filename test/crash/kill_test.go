//go:build interop

package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/test/carrier"
	"yanma.dev/yanma/test/process"
)

var binary string

func TestMain(m *testing.M) { os.Exit(process.Main(m, &binary)) }

const (
	credit     = 10_000_000
	loginPrice = 1                      // of the app codes: a code that is used twice is seen in the ledger
	loadAtMost = 700 * time.Millisecond // between ready and the kill
	// settleWithin is longer than the hold of an unknown outcome, 10 s, and the
	// lease of a message that a node took up, 30 s.
	settleWithin = 90 * time.Second
	// outageEvery is how often the database is ended too.
	outageEvery = 4
)

func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("YANMA_KILLS")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("YANMA_KILLS is %q", text)
	}
	return n
}

// TestReq33_KillUnderLoad is requirement rows 3, 33 and 34 for a whole server:
// whatever was answered outlives the process, and the database's.
func TestReq33_KillUnderLoad(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		killUnderLoad(t, engine{})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		killUnderLoad(t, startPostgres(t))
	})
}

func killUnderLoad(t *testing.T, e engine) {
	n, seed := kills(t), uint64(time.Now().UnixNano())
	t.Logf("%d kills, seed %d", n, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	within := func(most time.Duration) { time.Sleep(time.Duration(random.Int64N(int64(most)))) } // the test's own clock: when the power goes
	c := newTrial(t, e)
	for round := range n {
		server := c.start(t)
		c.afterRestart(t, server)
		ctx, cancel := context.WithCancel(t.Context())
		load := c.startLoad(ctx, server, round)
		within(loadAtMost)
		if e.cluster != nil && round%outageEvery == outageEvery-1 {
			c.outage(t, server)
			within(loadAtMost / 2)
		}
		server.Kill()
		cancel()
		load.Wait()
		c.down.Store(false)
		if t.Failed() {
			t.Fatalf("after kill %d of %d; the log ends:\n%s", round+1, n, tail(server.Err.String()))
		}
	}
	server := c.start(t)
	c.afterRestart(t, server)
	c.settle(t, server)
	c.ledger(t, server)
	server.Signal(syscall.SIGTERM)
	if code := server.Wait(); code != 0 {
		t.Errorf("exit code %d; the log ends:\n%s", code, tail(server.Err.String()))
	}
	c.verdict(t, n)
}

// outage ends the database under the server and starts it again. The server
// refuses meanwhile, and works again by itself.
func (c *trial) outage(t *testing.T, server *process.Server) {
	t.Helper()
	c.outages++
	c.down.Store(true)
	if err := c.engine.cluster.Crash(); err != nil {
		t.Fatal(err)
	}
	if err := c.engine.cluster.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(settleWithin); ; time.Sleep(20 * time.Millisecond) {
		response, err := c.http.Get(server.Public + "/readyz")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatalf("the database is back and the server is not; its log ends:\n%s", tail(server.Err.String()))
		}
	}
}

func tail(log string) string { return log[max(0, len(log)-4000):] }

// trial is a data folder, a database, the carrier, and what was answered so
// far.
type trial struct {
	engine engine
	folder string
	config string
	sink   *carrier.Carrier
	*answers

	codes   app // whose numbers get one code each, under the default limits
	logins  app // whose users come back after each kill, without limits on sends
	outages int
	again   again
	books   api.Ledger
}

type app struct {
	id  core.AppID
	key string
}

func newTrial(t *testing.T, e engine) *trial {
	t.Helper()
	c := &trial{engine: e, folder: filepath.Join(t.TempDir(), "data"), sink: carrier.Start(t), answers: newAnswers()}
	c.config = fmt.Sprintf("[store]\ndata = %q\ndatabase = %q\nanswer_within = \"1m\"\n[[provider]]\nname = \"sink\"\ntype = \"smpp\"\naddress = %q\nsystem_id = \"yanma\"\npassword = \"env:YANMA_SMPP_PASSWORD\"\nwindow = 50\nsource = \"YANMA\"\n",
		c.folder, e.database, c.sink.Addr())

	server := c.start(t)
	operator := client.New(server.Operator, core.NewSecret(process.OperatorToken), c.http)
	owner, err := operator.CreateTenant(t.Context(), "crash")
	if err != nil {
		t.Fatal(err)
	}
	c.codes = createApp(t, operator, owner.ID, "codes", nil)
	c.logins = createApp(t, operator, owner.ID, "logins", &tenant.Limits{"number_app": {}, "number_tenant": {}})
	server.Kill() // what the operator was told is done must survive this as well
	return c
}

func createApp(t *testing.T, operator *client.Client, owner core.TenantID, name string, limits *tenant.Limits) app {
	t.Helper()
	signature := "验码"
	view, key, err := operator.CreateApp(t.Context(), tenant.Spec{Tenant: owner, Name: name,
		Settings: tenant.Patch{Signature: &signature, Limits: limits, LoginPrice: tenant.PriceOf(loginPrice)}})
	if err == nil {
		_, err = operator.AddAppCredit(t.Context(), view.ID, api.NewCredit{Amount: credit}, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	return app{view.ID, key.Reveal()}
}

// start starts the server on the folder as it was left.
func (c *trial) start(t *testing.T) *process.Server {
	t.Helper()
	command := process.ServeCommand(t, binary, c.config)
	command.Env = append(command.Env, "YANMA_SMPP_PASSWORD="+carrier.Password)
	return process.Serve(t, command)
}
