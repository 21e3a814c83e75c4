package postgres

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Several nodes on one database: engines of their own in this process, and in
// two processes where the requirement says so.

// command is a store.Command of two functions.
type command struct {
	want   func(*store.Batch)
	decide func(*store.Batch) error
}

func (c command) Want(b *store.Batch)         { c.want(b) }
func (c command) Decide(b *store.Batch) error { return c.decide(b) }

func number(n int) (v core.IndexValue) {
	v[0], v[1], v[15] = byte(n), byte(n>>8), 1
	return v
}

// startCode supersedes what lives and inserts a code.
func startCode(n int, id int64) store.Command {
	k := store.LiveKey{App: 1, Purpose: 1, Index: number(n)}
	return command{want: func(b *store.Batch) { b.Live.Want(k) }, decide: func(b *store.Batch) error {
		for _, v := range b.LiveVerifications(k) {
			v.State = store.VerificationSuperseded
			b.PutVerification(v)
		}
		b.PutVerification(store.Verification{ID: core.VerificationID(id), Tenant: 1, App: 1, Purpose: 1, Index: core.PhoneIndex{A: k.Index}})
		return nil
	}}
}

// useCode takes a pending code; exactly one can.
func useCode(id int64) store.Command {
	key := core.VerificationID(id)
	return command{want: func(b *store.Batch) { b.Verifications.Want(key) }, decide: func(b *store.Batch) error {
		v, exists := b.Verifications.Get(key)
		if !exists || v.State != store.VerificationPending {
			return core.E(core.KindWrongCode, "")
		}
		v.State = store.VerificationVerified
		b.PutVerification(v)
		return nil
	}}
}

// node is an engine with a batcher.
type node struct {
	engine  *Engine
	batcher *store.Batcher
}

func newNode(o Options, maxBatch int) (*node, error) {
	o.Batchers = 2
	e, err := Open(context.Background(), o)
	if err != nil {
		return nil, err
	}
	b := store.NewBatcher(e, time.Now, slog.New(slog.DiscardHandler), store.Options{MaxBatch: maxBatch, Batchers: o.Batchers})
	b.Start()
	return &node{engine: e, batcher: b}, nil
}

func (n *node) stop() error {
	n.batcher.Stop()
	return n.engine.Close()
}

// nodes opens several on one migrated database.
func nodes(t *testing.T, count, maxBatch int) []*node {
	t.Helper()
	o := empty(t)
	openMigrated(t, o)
	all := make([]*node, count)
	for i := range all {
		n, err := newNode(o, maxBatch)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := n.stop(); err != nil {
				t.Error(err)
			}
		})
		all[i] = n
	}
	return all
}

// onAll runs f many times on every node at once.
func onAll(all []*node, workers int, f func(n *node, node, worker int)) {
	var wg sync.WaitGroup
	for i, n := range all {
		for w := range workers {
			wg.Go(func() { f(n, i, w) })
		}
	}
	wg.Wait()
}

func do(t *testing.T, n *node, c store.Command) {
	t.Helper()
	if err := n.batcher.Do(context.Background(), c); err != nil {
		t.Error(err)
	}
}

// rows runs a query of integers.
func rows(t *testing.T, e *Engine, sql string, columns int) (all [][]int64) {
	t.Helper()
	ctx := context.Background()
	err := e.View(ctx, func(q store.SQL) error {
		return q.Query(ctx, sql, func(r store.Scanner) error {
			row := make([]int64, columns)
			dest := make([]any, columns)
			for i := range row {
				dest[i] = &row[i]
			}
			all = append(all, row)
			return r.Scan(dest...)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestReq07_OneLiveCodeOverNodes(t *testing.T) {
	all := nodes(t, 3, 8)
	const numbers, workers, sends = 5, 6, 20
	var ids atomic.Int64
	onAll(all, workers, func(n *node, _, worker int) {
		for i := range sends {
			do(t, n, startCode((worker+i)%numbers, ids.Add(1)))
		}
	})
	live := rows(t, all[0].engine, "SELECT count(*) FROM verification WHERE state = 0 GROUP BY idx_a", 1)
	if len(live) != numbers {
		t.Errorf("%d numbers have a live code, want %d", len(live), numbers)
	}
	for _, n := range live {
		if n[0] != 1 {
			t.Errorf("a number has %d live codes, want 1", n[0])
		}
	}
}

func TestNewUserOnNodesAtOnce(t *testing.T) {
	all := nodes(t, 3, 16)
	const numbers = 40
	var ids atomic.Int64
	onAll(all, 8, func(n *node, at, _ int) {
		for i := range numbers {
			if at == 1 {
				i = numbers - 1 - i // in the other order
			}
			k := store.UserKey{Tenant: 1, Index: number(i)}
			id := core.UserID(ids.Add(1))
			do(t, n, command{want: func(b *store.Batch) { b.UserOf.Want(k) }, decide: func(b *store.Batch) error {
				u, exists := b.User(k)
				if !exists {
					u = store.User{ID: id, Tenant: 1, Index: core.PhoneIndex{A: k.Index}}
				}
				u.LastLogin++
				b.PutUser(u)
				return nil
			}})
		}
	})
	got := rows(t, all[0].engine, "SELECT count(*), CAST(sum(last_login) AS BIGINT) FROM users", 2)
	if got[0][0] != numbers || got[0][1] != numbers*3*8 {
		t.Errorf("%d users with %d logins, want %d and %d", got[0][0], got[0][1], numbers, numbers*3*8)
	}
}

// A receipt on one node and the part's outcome on another: whoever comes second
// sees the other.
func TestReq35_ReceiptBesideOutcome(t *testing.T) {
	all := nodes(t, 2, 4)
	const parts = 200
	onAll(all, 4, func(n *node, at, worker int) {
		for i := range parts {
			if i%4 != worker {
				continue
			}
			k := store.ReceiptKey{Provider: "p", PartID: fmt.Sprint(i)}
			m := core.MessageID(i + 1)
			if at == 0 {
				do(t, n, command{want: func(b *store.Batch) { b.Receipts.Want(k); b.Orphans.Want(k); b.Messages.Want(m) }, decide: func(b *store.Batch) error {
					row := store.Message{ID: m}
					if _, came := b.Orphans.Get(k); came {
						b.Orphans.Delete(k)
						row.PartsDone = 1
					}
					b.Messages.Put(m, row)
					b.Receipts.Put(k, store.ReceiptRef{Key: k, Message: m})
					return nil
				}})
				continue
			}
			do(t, n, command{want: func(b *store.Batch) { b.Receipts.Want(k); b.Orphans.Want(k); b.Messages.Want(m) }, decide: func(b *store.Batch) error {
				if _, known := b.Receipts.Get(k); !known {
					b.Orphans.Put(k, store.Orphan{Key: k})
					return nil
				}
				row, _ := b.Messages.Get(m)
				row.PartsDone = 1
				b.Messages.Put(m, row)
				return nil
			}})
		}
	})
	got := rows(t, all[0].engine, "SELECT (SELECT count(*) FROM message WHERE parts_done = 1), (SELECT count(*) FROM orphan)", 2)
	if got[0][0] != parts || got[0][1] != 0 {
		t.Errorf("%d receipts found their message and %d are orphans, want %d and 0", got[0][0], got[0][1], parts)
	}
}

// Commands that load in two rounds may lock rows against the common order.
func TestOppositeOrderEnds(t *testing.T) {
	all := nodes(t, 2, 1)
	commit(t, all[0].engine, func(*store.Batch) {}, func(b *store.Batch) {
		for id := range store.AccountID(2) {
			b.Accounts.Put((id+1)<<8|3, store.Account{ID: (id+1)<<8 | 3})
		}
	})
	began := time.Now()
	onAll(all, 1, func(n *node, at, _ int) {
		first, second := store.AccountID(1<<8|3), store.AccountID(2<<8|3)
		if at == 1 {
			first, second = second, first
		}
		for range 30 {
			do(t, n, command{want: func(b *store.Batch) {
				b.Accounts.Want(first)
				if _, loaded := b.Accounts.Get(first); loaded {
					b.Accounts.Want(second)
				}
			}, decide: func(b *store.Batch) error {
				for _, id := range []store.AccountID{first, second} {
					a, _ := b.Accounts.Get(id)
					a.Balance++
					b.Accounts.Put(id, a)
				}
				return nil
			}})
		}
	})
	got := rows(t, all[0].engine, "SELECT balance FROM account ORDER BY id", 1)
	if got[0][0] != 60 || got[1][0] != 60 {
		t.Errorf("balances %v, want 60 each", got)
	}
	t.Logf("60 commands in %s", time.Since(began).Round(time.Millisecond))
}

// secondNodeEnv tells the test binary to be the second node on a database.
const secondNodeEnv = "YANMA_TEST_SECOND_NODE"

const (
	racers     = 100 // in each process
	raceRounds = 20
)

// raceFor lets racers of one node take the same code.
func raceFor(n *node, id int64) (won, wrong, failed int64) {
	var counts [3]atomic.Int64
	onAll([]*node{n}, racers, func(n *node, _, _ int) {
		switch err := n.batcher.Do(context.Background(), useCode(id)); {
		case err == nil:
			counts[0].Add(1)
		case core.KindOf(err) == core.KindWrongCode:
			counts[1].Add(1)
		default:
			counts[2].Add(1)
		}
	})
	return counts[0].Load(), counts[1].Load(), counts[2].Load()
}

// secondNode races for each code that is named on its standard input.
func secondNode(url string) int {
	n, err := newNode(testOptions(url), 7)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var id int64
		if _, err := fmt.Sscan(in.Text(), &id); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		won, wrong, failed := raceFor(n, id)
		fmt.Println(won, wrong, failed)
	}
	if err := n.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestReq03_SingleUseTwoProcesses(t *testing.T) {
	o := empty(t)
	openMigrated(t, o)
	mine, err := newNode(o, 7)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := mine.stop(); err != nil {
			t.Error(err)
		}
	}()
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), secondNodeEnv+"="+o.URL)
	other.Stderr = os.Stderr
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewScanner(out)
	if !answers.Scan() || answers.Text() != "ready" {
		t.Fatalf("the second process says %q", answers.Text())
	}
	wins := [2]int64{}
	for id := range int64(raceRounds) {
		do(t, mine, startCode(int(id), 1+id))
		if _, err := fmt.Fprintln(in, 1+id); err != nil {
			t.Fatal(err)
		}
		won, wrong, failed := raceFor(mine, 1+id)
		if !answers.Scan() {
			t.Fatal("the second process ended")
		}
		var theirs [3]int64
		if _, err := fmt.Sscan(strings.TrimSpace(answers.Text()), &theirs[0], &theirs[1], &theirs[2]); err != nil {
			t.Fatal(err)
		}
		if won+theirs[0] != 1 || wrong+theirs[1] != 2*racers-1 || failed+theirs[2] != 0 {
			t.Errorf("code %d: %d won, %d were wrong, %d failed; want 1, %d and 0", 1+id, won+theirs[0], wrong+theirs[1], failed+theirs[2], 2*racers-1)
		}
		wins[0] += won
		wins[1] += theirs[0]
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := other.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("of %d codes this process took %d, the other %d", raceRounds, wins[0], wins[1])
}
