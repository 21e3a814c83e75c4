package app

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/store"
)

// killedEnv makes the test binary a server that kills itself: where, in JSON.
const killedEnv = "YANMA_TEST_KILLED"

// killed says which server, and at which of the commits that write a call's row
// it ends: before it, or after.
type killed struct {
	Data, Database, Center, Gateway string
	Now                             time.Time
	Commit                          int
	After                           bool
}

// serveUntilKilled says where it listens.
func serveUntilKilled(text string) int {
	err := func() error {
		var k killed
		if err := json.Unmarshal([]byte(text), &k); err != nil {
			return err
		}
		c, err := wholeConfigIn(k.Data, k.Center, k.Gateway)
		if err != nil {
			return err
		}
		c.Store.Database.Secret = core.NewSecret(k.Database)
		ctx := context.Background()
		a, err := Open(ctx, c, Deps{Now: func() time.Time { return k.Now }, Random: rand.Reader, Jitter: func() float64 { return 0 },
			Log: obs.NewWriter(io.Discard, time.Now, obs.WriterOptions{}), Version: "test",
			slow:  patient,
			World: World{Disk: func(e store.Engine) store.Engine { return &killing{Engine: e, at: &k} }}})
		if err != nil {
			return err
		}
		if err := a.Start(ctx); err != nil {
			return err
		}
		fmt.Println(a.PublicURL())
		time.Sleep(time.Minute) // longer than the test waits
		return nil
	}()
	fmt.Println("error:", err)
	return 1
}

// killing ends the process around a commit.
type killing struct {
	store.Engine
	at *killed
}

func (e *killing) Begin(ctx context.Context) (store.Tx, error) {
	tx, err := e.Engine.Begin(ctx)
	return &killingTx{Tx: tx, at: e.at}, err
}

type killingTx struct {
	store.Tx
	at    *killed
	calls bool
}

func (t *killingTx) Write(ctx context.Context, b *store.Batch) error {
	_ = b.Calls.Inserted(func(*store.Call) error { t.calls = true; return nil })
	_ = b.Calls.Updated(func(_, _ *store.Call) error { t.calls = true; return nil })
	return t.Tx.Write(ctx, b)
}

func (t *killingTx) Commit(ctx context.Context) error {
	if t.calls {
		t.at.Commit--
	}
	end := t.calls && t.at.Commit == 0
	if end && !t.at.After {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	err := t.Tx.Commit(ctx)
	if end && err == nil {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return err
}

// Requirement row 32: kill -9 around each commit of a call, then the same call
// again: sent once, charged once, answered.
func TestReq32_KilledThenRetried(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		w := startWholeOn(t, database)
		w.Do(t, "sms-price", []string{"3"})
		w.Do(t, "login-price", []string{"5"})
		balance := 1000
		phone := 13800138000
		for commit := 1; commit <= 2; commit++ {
			for _, after := range []bool{false, true} {
				if testing.Short() && !(commit == 2 && after) { // under the race detector
					continue
				}
				at := killed{Data: w.config.Store.Data, Database: database, Center: w.config.Providers[0].Address, Gateway: w.config.Tunnel.Webhook.URL,
					Now: w.clock.Now(), Commit: commit, After: after}
				answered := commit == 2 && after
				number := fmt.Sprint(phone)
				phone++
				w.retryAfterKill(t, at, "/get-code", w.sendBody(number), "send"+number, answered)
				balance -= 3
				w.Do(t, "expect-balance", []string{fmt.Sprint(balance)})

				number = fmt.Sprint(phone) // a code that surely arrived
				phone++
				w.mustCall(t, "/get-code", w.sendBody(number))
				balance -= 3
				w.retryAfterKill(t, at, "/check-code", w.checkBody(t, number), "check"+number, answered)
				balance -= 5
				w.Do(t, "expect-balance", []string{fmt.Sprint(balance)})
			}
		}
		sent := int64(phone - 13800138000) // two numbers a kill, one of them logs in
		if messages, users := w.rows(t, "message"), w.rows(t, "users"); messages != sent || users != sent/2 {
			t.Errorf("%d messages and %d users, want %d and %d", messages, users, sent, sent/2)
		}
	})
}

// retryAfterKill makes a call that a server does not survive, and makes it again
// at another one.
func (w *whole) retryAfterKill(t *testing.T, at killed, path, body, key string, answered bool) {
	t.Helper()
	ok(t, w.Stop(context.Background()))
	text, err := json.Marshal(at)
	ok(t, err)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), killedEnv+"="+string(text))
	out, err := child.StdoutPipe()
	ok(t, err)
	ok(t, child.Start())
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(url, "http") {
		t.Fatalf("the server said %q, %v", url, err)
	}
	if got, err := callAt(strings.TrimSpace(url), path, body, key); err == nil {
		t.Errorf("%+v was answered by a server that was killed: %+v", at, got)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the server was not killed")
	}
	w.open(t)
	got := w.mustCall(t, path, body, key)
	if got.replayed != answered || !strings.HasPrefix(got.body, `{"status":"ok"`) {
		t.Errorf("%+v: %s again: %+v", at, path, got)
	}
	if again := w.mustCall(t, path, body, key); again != (reply{got.status, got.body, true}) {
		t.Errorf("%+v: %s once more: %+v, want %+v", at, path, again, got)
	}
}
