//go:build interop

package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
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
	"yanma.dev/yanma/test/process"
)

var binary string

func TestMain(m *testing.M) { os.Exit(process.Main(m, &binary)) }

const (
	credit     = 10_000_000
	loadAtMost = 700 * time.Millisecond // between ready and the kill
	// settleWithin is longer than the hold of an unknown outcome, 10 s.
	settleWithin = 40 * time.Second
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

// TestKillUnderLoad is requirement rows 3, 33 and 34 for a whole server:
// whatever was answered outlives the process.
func TestKillUnderLoad(t *testing.T) {
	n, seed := kills(t), uint64(time.Now().UnixNano())
	t.Logf("%d kills, seed %d", n, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	c := newTrial(t)
	for round := range n {
		server := c.start(t)
		c.afterRestart(t, server)
		ctx, cancel := context.WithCancel(t.Context())
		load := c.startLoad(ctx, server, round)
		time.Sleep(time.Duration(random.Int64N(int64(loadAtMost)))) // the test's own clock: when the power goes
		server.Kill()
		cancel()
		load.Wait()
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
	c.verdict(t)
}

func tail(log string) string { return log[max(0, len(log)-4000):] }

// trial is a data folder, the carrier, and what was answered so far.
type trial struct {
	folder string
	config string
	sink   *sink
	*answers

	codes  app // whose numbers get one code each, under the default limits
	logins app // whose users come back after each kill, without limits on sends
}

type app struct {
	id  core.AppID
	key string
}

func newTrial(t *testing.T) *trial {
	t.Helper()
	c := &trial{folder: filepath.Join(t.TempDir(), "data"), sink: startSink(t), answers: newAnswers()}
	c.config = fmt.Sprintf("[store]\ndata = %q\n[[provider]]\nname = \"sink\"\ntype = \"smpp\"\naddress = %q\nsystem_id = \"yanma\"\npassword = \"env:YANMA_SMPP_PASSWORD\"\nwindow = 50\nsource = \"YANMA\"\n",
		c.folder, c.sink.Addr())
	t.Setenv("YANMA_SMPP_PASSWORD", sinkPassword)

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
	view, key, err := operator.CreateApp(t.Context(), tenant.Spec{Tenant: owner, Name: name, Settings: tenant.Patch{Signature: &signature, Limits: limits}})
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
	return process.Serve(t, process.ServeCommand(t, binary, c.config))
}
