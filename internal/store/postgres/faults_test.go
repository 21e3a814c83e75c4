package postgres

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/postgres/postgrestest"
)

// put inserts a message of an id.
func put(id core.MessageID) command {
	return command{want: func(b *store.Batch) { b.Messages.Want(id) }, decide: func(b *store.Batch) error {
		b.Messages.Put(id, store.Message{ID: id})
		return nil
	}}
}

func exists(t *testing.T, e *Engine, id core.MessageID) (found bool) {
	t.Helper()
	ctx := context.Background()
	err := e.View(ctx, func(q store.SQL) error {
		return q.Query(ctx, "SELECT 1 FROM message WHERE id = $1", func(store.Scanner) error { found = true; return nil }, int64(id))
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// own starts a server that a test may stop.
func own(t *testing.T) *postgrestest.Cluster {
	t.Helper()
	server.Database(t, "") // for its skip
	cluster, err := postgrestest.Start(context.Background(), postgrestest.Options{})
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

// A server that hangs is answered for within a bound, and used again when it
// goes on.
func TestReq20_FrozenServer(t *testing.T) {
	cluster := own(t)
	o := testOptions(cluster.URL("postgres"))
	openMigrated(t, o) // with all the time that a loaded machine needs
	o.Timeout, o.StatementLimit, o.ConnectTimeout = time.Second, time.Second, time.Second
	n, err := newNode(o, 512)
	if err != nil {
		t.Fatal(err)
	}
	defer n.stop()
	eventually(t, func() bool { return n.batcher.Do(context.Background(), put(1)) == nil })
	thaw, err := cluster.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var failed atomic.Int64
	onAll([]*node{n}, 64, func(n *node, _, worker int) {
		if err := n.batcher.Do(context.Background(), put(core.MessageID(100+worker))); core.KindOf(err) == core.KindInternal {
			failed.Add(1)
		}
	})
	took := time.Since(began)
	if failed.Load() != 64 || took > longest { // one by one they would wait for a minute
		t.Errorf("%d of 64 commands failed, in %s", failed.Load(), took)
	}
	ctx := context.Background()
	began = time.Now()
	for name, err := range map[string]error{
		"view":   n.engine.View(ctx, func(q store.SQL) error { return q.Query(ctx, "SELECT 1", func(store.Scanner) error { return nil }) }),
		"update": n.engine.Update(ctx, func(store.SQL) error { return nil }),
	} {
		if err == nil {
			t.Errorf("a %s of a frozen server", name)
		}
	}
	if took := time.Since(began); took > longest {
		t.Errorf("view and update took %s", took)
	}
	if err := thaw(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return n.batcher.Do(ctx, put(2)) == nil })
	if !exists(t, n.engine, 2) {
		t.Error("what was answered is not there")
	}
}

// longest is more than a bounded wait takes on a loaded machine.
const longest = 30 * time.Second

// eventually polls for what another process is about to do.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * longest); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what the test waits for does not happen")
		}
	}
}

// A server that was started anew meanwhile is connected to again: no caller
// notices.
func TestRestartedServer(t *testing.T) {
	cluster := own(t)
	o := testOptions(cluster.URL("postgres"))
	openMigrated(t, o)
	n, err := newNode(o, 512)
	if err != nil {
		t.Fatal(err)
	}
	defer n.stop()
	ctx := context.Background()
	view := func() error {
		return n.engine.View(ctx, func(q store.SQL) error { return q.Query(ctx, "SELECT 1", func(store.Scanner) error { return nil }) })
	}
	update := func() error { return n.engine.Update(ctx, func(store.SQL) error { return nil }) }
	for round := range 2 {
		do(t, n, put(core.MessageID(1+round)))
		if err := errors.Join(view(), update()); err != nil {
			t.Error(err)
		}
		if round == 0 {
			if err := cluster.Restart(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// cutter is a proxy that can cut a connection at a message of the client.
type cutter struct {
	listener net.Listener
	to       string
	at       atomic.Pointer[[]byte] // cut at a message with this in it; nil: never
	forward  atomic.Bool            // the server still gets the message
	cuts     atomic.Int64
}

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: l, to: to}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(client)
		}
	}()
	t.Cleanup(func() { l.Close() })
	return c
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer server.Close()
	answers := make(chan []byte)
	go func() {
		defer close(answers)
		for {
			chunk := make([]byte, 64<<10)
			n, err := server.Read(chunk)
			if err != nil {
				return
			}
			answers <- chunk[:n]
		}
	}()
	requests := make(chan []byte)
	go func() {
		defer close(requests)
		for {
			chunk := make([]byte, 64<<10)
			n, err := client.Read(chunk)
			if err != nil {
				return
			}
			requests <- chunk[:n]
		}
	}()
	defer func() { // the readers end with their connections
		client.Close()
		server.Close()
		for range requests {
		}
		for range answers {
		}
	}()
	for {
		select {
		case chunk, open := <-requests:
			if !open {
				return
			}
			if at := c.at.Load(); at != nil && bytes.Contains(chunk, *at) {
				c.at.Store(nil)
				c.cuts.Add(1)
				if c.forward.Load() {
					if _, err := server.Write(chunk); err == nil {
						<-answers // it happened; nobody hears of it
					}
				}
				return
			}
			if _, err := server.Write(chunk); err != nil {
				return
			}
		case chunk, open := <-answers:
			if !open {
				return
			}
			if _, err := client.Write(chunk); err != nil {
				return
			}
		}
	}
}

// throughCutter gives options that lead through a proxy.
func throughCutter(t *testing.T, o Options) (Options, *cutter) {
	t.Helper()
	u, err := url.Parse(o.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := newCutter(t, u.Host)
	u.Host = c.listener.Addr().String()
	o.URL = u.String()
	return o, c
}

// The connection ends at a statement, in both directions: it happened, or not.
// Before the commit the batch is run again; at the commit nobody knows.
func TestReq41_CutConnection(t *testing.T) {
	o := empty(t)
	direct := openMigrated(t, o)
	o, cut := throughCutter(t, o)
	n, err := newNode(o, 512)
	if err != nil {
		t.Fatal(err)
	}
	defer n.stop()
	do(t, n, put(1))
	names := newStatements(&o)
	begin, commit := names.begin.name(), names.commit.name()
	for i, c := range []struct {
		name    string
		at      string
		forward bool
		fails   bool
		there   bool
	}{
		{"load, not happened", begin, false, false, true},
		{"load, happened", begin, true, false, true},
		{"commit, not happened", commit, false, true, false},
		{"commit, happened", commit, true, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := core.MessageID(10 + i)
			at := []byte(c.at + "\x00")
			cuts := cut.cuts.Load()
			cut.forward.Store(c.forward)
			cut.at.Store(&at)
			err := n.batcher.Do(context.Background(), put(id))
			if cut.cuts.Load() != cuts+1 {
				t.Fatal("the connection was not cut")
			}
			if (err != nil) != c.fails || errors.Is(err, store.ErrNotCommitted) || errors.Is(err, store.ErrAgain) {
				t.Errorf("answer %v, want an error of unknown outcome: %v", err, c.fails)
			}
			if there := exists(t, direct, id); there != c.there {
				t.Errorf("the row is there: %v, want %v", there, c.there)
			}
			do(t, n, put(id+100)) // and it goes on
		})
	}
	for i, forward := range []bool{false, true} {
		at := []byte("COMMIT\x00") // not READ COMMITTED
		cut.forward.Store(forward)
		cut.at.Store(&at)
		ctx := context.Background()
		err := n.engine.Update(ctx, func(q store.SQL) error {
			_, err := q.Exec(ctx, "INSERT INTO setting (name, value) VALUES ($1, $2)", strings.Repeat("x", 1+i), "")
			return err
		})
		if err == nil || errors.Is(err, store.ErrNotCommitted) || errors.Is(err, store.ErrAgain) {
			t.Errorf("update with its commit cut: %v", err)
		}
	}
	if got := tables(t, direct, "SELECT name FROM setting"); !cmp.Equal(got, []string{"xx"}) {
		t.Errorf("settings %q, want only the one whose commit arrived", got)
	}
}

// A node that stops in the middle of a batch holds its rows until the server
// ends its session; the others wait that long at most.
func TestNodeThatStopped(t *testing.T) {
	o := empty(t)
	openMigrated(t, o)
	short := o
	short.Timeout = time.Second // and so long its session may be idle
	stuck, err := Open(context.Background(), short)
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	n, err := newNode(o, 512)
	if err != nil {
		t.Fatal(err)
	}
	defer n.stop()
	do(t, n, put(1))
	ctx := context.Background()
	tx, err := stuck.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var b store.Batch
	b.Begin(1)
	b.Messages.Want(1)
	if err := tx.Load(ctx, &b); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	do(t, n, put(1))
	if took := time.Since(began); took > longest {
		t.Errorf("the other node waited %s", took)
	}
	b.Messages.Put(1, store.Message{ID: 1, Status: 1})
	if err := errors.Join(tx.Write(ctx, &b), tx.Commit(ctx)); err == nil {
		t.Error("the node that stopped committed over the other one's change")
	}
}

// What a carrier sends may be in any encoding.
func TestForeignBytes(t *testing.T) {
	e := openMigrated(t, empty(t))
	k := store.ReceiptKey{Provider: "p", PartID: "\xff\x00\xfe验"}
	commit(t, e, func(*store.Batch) {}, func(b *store.Batch) {
		b.Receipts.Put(k, store.ReceiptRef{Key: k, Message: 5})
		b.Messages.Put(5, store.Message{ID: 5, Code: "a\x00\xffb"})
	})
	commit(t, e, func(b *store.Batch) { b.Receipts.Want(k); b.Messages.Want(5) }, func(b *store.Batch) {
		if r, ok := b.Receipts.Get(k); !ok || r.Message != 5 {
			t.Errorf("reference %+v, %v", r, ok)
		}
		if m, _ := b.Messages.Get(5); m.Code != "a\uFFFD\uFFFDb" {
			t.Errorf("code %q", m.Code)
		}
	})
	ctx := context.Background()
	err := e.View(ctx, func(q store.SQL) error { // no error, and nobody
		return q.Query(ctx, "SELECT user_id FROM alias WHERE text = $1", func(store.Scanner) error { return io.EOF }, "\xff\x00")
	})
	if err != nil {
		t.Error(err)
	}
}

// Every statement of batches finds its rows by an index condition, whatever the
// planner knows about the tables: nothing, or that they are large.
func TestPlans(t *testing.T) {
	o := empty(t)
	e := openMigrated(t, o)
	t.Run("empty", func(t *testing.T) { checkPlans(t, e) })
	ctx := context.Background()
	for _, sql := range []string{
		"INSERT INTO verification SELECT i, 1, 1, 1, 1, 5, 0, decode(md5(i::text), 'hex'), NULL, 0, 0, '', '', i, 0, 0, 0, false FROM generate_series(1, 30000) AS i",
		"INSERT INTO users SELECT i, 1, decode(md5(i::text), 'hex'), NULL, NULL, false, 0, 0 FROM generate_series(1, 30000) AS i",
		"INSERT INTO message SELECT i, 1, 1, 1, 1, 5, 0, 0, false, 0, 0, 0, 0, 0, 0, 0, NULL, '', 0, NULL, 0, '', '', 0, NULL FROM generate_series(1, 30000) AS i",
		"INSERT INTO receipt_ref SELECT 'p', decode(md5(i::text), 'hex'), i, 0, false FROM generate_series(1, 30000) AS i",
	} {
		if err := server.Exec(ctx, e.dialer.config.Database, sql); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("grown", func(t *testing.T) { checkPlans(t, openMigrated(t, o)) })
	if err := server.Exec(ctx, e.dialer.config.Database, "ANALYZE"); err != nil {
		t.Fatal(err)
	}
	// Of those that are known to be empty all may be read: plans do not live long.
	t.Run("analyzed", func(t *testing.T) {
		checkPlans(t, openMigrated(t, o), "verification", "users", "message", "receipt_ref")
	})
}

func checkPlans(t *testing.T, e *Engine, of ...string) {
	ctx := context.Background()
	batch, err := e.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer batch.Rollback()
	for _, s := range batch.(*tx).conn.statements.all {
		if len(s.params) == 0 || strings.HasPrefix(s.sql, "INSERT") || len(of) > 0 && !slices.ContainsFunc(of, func(table string) bool {
			return strings.Contains(s.sql, table+" AS t")
		}) {
			continue
		}
		nulls := strings.Repeat(", NULL", len(s.params))[2:]
		results, err := batch.(*tx).conn.pg.Exec(ctx, "EXPLAIN EXECUTE "+s.name()+"("+nulls+")").ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var text []string
		for _, row := range results[0].Rows {
			text = append(text, string(row[0]))
		}
		// Every comparison with n is met by an index, and every scan has a condition,
		// but that for the first row of all that has the second side of an index.
		met, scans := 0, 0
		for i, line := range text {
			if strings.Contains(line, " Scan using ") || strings.Contains(line, "Bitmap Index Scan on") {
				if strings.Contains(line, "Index Only Scan") && !strings.Contains(text[i+1], "Index Cond:") {
					continue
				}
				scans++
				if i+1 < len(text) && strings.Contains(text[i+1], "Index Cond:") {
					scans--
					met += strings.Count(text[i+1], "n.") + strings.Count(text[i+1], "n_1.")
				}
			}
		}
		where := s.sql
		if !strings.HasPrefix(where, "SELECT") {
			where = where[strings.LastIndex(where, " WHERE "):]
		}
		if p := strings.Join(text, "\n"); strings.Contains(p, "Seq Scan") || scans > 0 || met < strings.Count(where, "= n.") {
			t.Errorf("%s\n%s", s.sql, p)
		}
	}
}
