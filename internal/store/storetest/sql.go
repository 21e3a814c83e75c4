package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanma.dev/yanma/internal/store"
)

func testSQL(t *testing.T, fresh Fresh) {
	e := opened(t, fresh)
	t.Run("values", func(t *testing.T) { testValues(t, e) })
	t.Run("rows changed", func(t *testing.T) { testChanged(t, e) })
	t.Run("a row of this key exists", func(t *testing.T) { testSQLUnique(t, e) })
	t.Run("rolled back", func(t *testing.T) { testRolledBack(t, e) })
	t.Run("nested queries", func(t *testing.T) { testNested(t, e) })
	t.Run("mistakes", func(t *testing.T) { testMistakes(t, e) })
	t.Run("a view writes nothing", func(t *testing.T) { testReadOnly(t, e) })
	t.Run("an ended context", func(t *testing.T) { testEndedContext(t, e) })
}

// exec runs one statement in an Update of its own.
func exec(e store.Engine, sql string, args ...any) (n int64, err error) {
	ctx := context.Background()
	err = e.Update(ctx, func(s store.SQL) error {
		var err error
		n, err = s.Exec(ctx, sql, args...)
		return err
	})
	return n, err
}

func mustExec(t *testing.T, e store.Engine, sql string, args ...any) int64 {
	t.Helper()
	n, err := exec(e, sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// texts runs a query of one text column in a View.
func texts(t *testing.T, e store.Engine, sql string, args ...any) (got []string) {
	t.Helper()
	ctx := context.Background()
	err := e.View(ctx, func(s store.SQL) error {
		return s.Query(ctx, sql, func(row store.Scanner) error {
			var text string
			err := row.Scan(&text)
			got = append(got, text)
			return err
		}, args...)
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

func testValues(t *testing.T, e store.Engine) {
	type value struct {
		Key, Value []byte
		Expires    int64
	}
	stored := []value{
		{[]byte{0, 1, 0xff}, []byte("\x00\xff'"), 1<<63 - 1},
		{[]byte("k"), nil, -1 << 63},
	}
	for _, v := range stored {
		mustExec(t, e, "INSERT INTO once (expires, key, value) VALUES ($1, $2, $3)", v.Expires, v.Key, v.Value)
	}
	var got []value
	ctx := context.Background()
	err := e.View(ctx, func(sql store.SQL) error {
		return sql.Query(ctx, "SELECT key, value, expires FROM once ORDER BY key", func(row store.Scanner) error {
			v := value{Value: []byte("overwritten")}
			err := row.Scan(&v.Key, &v.Value, &v.Expires)
			got = append(got, v)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stored, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	testNull(t, e)
	// The same placeholder twice, and text that looks like one.
	mustExec(t, e, "INSERT INTO setting (name, value) VALUES ($1, $1)", "验码 $2 '?' :x")
	if diff := cmp.Diff([]string{"验码 $2 '?' :x"}, texts(t, e, "SELECT value FROM setting WHERE name = $1", "验码 $2 '?' :x")); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

// testNull writes and reads bools and NULLs through a hot table.
func testNull(t *testing.T, e store.Engine) {
	write(t, e, nil, func(b *store.Batch) {
		b.PutUser(store.User{ID: 1, Tenant: 77, Test: true})
		b.PutUser(store.User{ID: 2, Tenant: 77})
	})
	if n := mustExec(t, e, "UPDATE users SET test = $1, phone = $2 WHERE id = $3", true, nil, int64(2)); n != 1 {
		t.Errorf("changed %d rows", n)
	}
	ctx := context.Background()
	rows := 0
	err := e.View(ctx, func(sql store.SQL) error {
		return sql.Query(ctx, "SELECT test, phone, phone, phone FROM users WHERE tenant = $1", func(row store.Scanner) error {
			rows++
			test, phone, number, text := false, []byte{1}, int64(1), "x"
			if err := row.Scan(&test, &phone, &number, &text); err != nil {
				return err
			}
			if !test || phone != nil || number != 0 || text != "" {
				t.Errorf("test %v, NULL as %v, %d, %q", test, phone, number, text)
			}
			return nil
		}, int64(77))
	})
	if err != nil || rows != 2 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

func testChanged(t *testing.T, e store.Engine) {
	for _, name := range []string{"c1", "c2", "c3"} {
		if n := mustExec(t, e, "INSERT INTO setting (name, value) VALUES ($1, $2)", name, "v"); n != 1 {
			t.Errorf("inserted %d rows", n)
		}
	}
	if n := mustExec(t, e, "UPDATE setting SET value = $1 WHERE name >= $2 AND name < $3", "w", "c2", "d"); n != 2 {
		t.Errorf("updated %d rows, want 2", n)
	}
	if n := mustExec(t, e, "UPDATE setting SET value = $1 WHERE name = $2", "w", "nobody"); n != 0 {
		t.Errorf("updated %d rows, want 0", n)
	}
	if n := mustExec(t, e, "DELETE FROM setting WHERE name >= $1 AND name < $2", "c1", "d"); n != 3 {
		t.Errorf("deleted %d rows, want 3", n)
	}
}

func testSQLUnique(t *testing.T, e store.Engine) {
	mustExec(t, e, "INSERT INTO setting (name, value) VALUES ($1, $2)", "unique", "1")
	_, err := exec(e, "INSERT INTO setting (name, value) VALUES ($1, $2)", "unique", "2")
	if !errors.Is(err, store.ErrUnique) {
		t.Errorf("the same key twice: %v, want ErrUnique", err)
	}
	if diff := cmp.Diff([]string{"1"}, texts(t, e, "SELECT value FROM setting WHERE name = $1", "unique")); diff != "" {
		t.Errorf("value (-want +got):\n%s", diff)
	}
}

func testRolledBack(t *testing.T, e store.Engine) {
	ctx := context.Background()
	insert := func(sql store.SQL) error {
		_, err := sql.Exec(ctx, "INSERT INTO setting (name, value) VALUES ($1, $2)", "rolled back", "x")
		return err
	}
	mine := errors.New("the caller's own error")
	err := e.Update(ctx, func(sql store.SQL) error {
		if err := insert(sql); err != nil {
			return err
		}
		return mine
	})
	if !errors.Is(err, mine) {
		t.Errorf("update returned %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic of an update was swallowed")
			}
		}()
		_ = e.Update(ctx, func(sql store.SQL) error {
			if err := insert(sql); err != nil {
				return err
			}
			panic("the caller's own panic")
		})
	}()
	func() {
		defer func() { _ = recover() }()
		_ = e.View(ctx, func(store.SQL) error { panic("in a view") })
	}()
	if got := texts(t, e, "SELECT value FROM setting WHERE name = $1", "rolled back"); got != nil {
		t.Errorf("a trace was left: %v", got)
	}
	write(t, e, nil, func(b *store.Batch) { b.Messages.Put(5, store.Message{ID: 5}) }) // batches go on
}

func testNested(t *testing.T, e store.Engine) {
	for _, name := range []string{"n1", "n2", "n3"} {
		mustExec(t, e, "INSERT INTO setting (name, value) VALUES ($1, $2)", name, "v")
	}
	ctx := context.Background()
	const query = "SELECT name FROM setting WHERE name >= $1 AND name < $2 ORDER BY name"
	var got []string
	stop := errors.New("enough")
	err := e.Update(ctx, func(sql store.SQL) error {
		// The same statement inside its own rows, and a change of them.
		err := sql.Query(ctx, query, func(row store.Scanner) error {
			var outer string
			if err := row.Scan(&outer); err != nil {
				return err
			}
			return sql.Query(ctx, query, func(row store.Scanner) error {
				var inner string
				err := row.Scan(&inner)
				got = append(got, outer+inner)
				return err
			}, "n2", "n9")
		}, "n1", "n9")
		if err != nil {
			return err
		}
		err = sql.Query(ctx, query, func(store.Scanner) error { return stop }, "n1", "n9")
		if !errors.Is(err, stop) {
			t.Errorf("the callback's error came back as %v", err)
		}
		_, err = sql.Exec(ctx, "UPDATE setting SET value = $1 WHERE name = $2", "w", "n1")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"n1n2", "n1n3", "n2n2", "n2n3", "n3n2", "n3n3"}, got); diff != "" {
		t.Errorf("nested rows (-want +got):\n%s", diff)
	}
}

func testMistakes(t *testing.T, e store.Engine) {
	for name, err := range map[string]error{
		"no SQL":             second(exec(e, "INSERTS INTO setting")),
		"no such table":      second(exec(e, "DELETE FROM nowhere")),
		"an argument lacks":  second(exec(e, "DELETE FROM setting WHERE name = $1")),
		"one argument more":  second(exec(e, "DELETE FROM setting WHERE name = $1", "a", "b")),
		"an int":             second(exec(e, "DELETE FROM once WHERE expires = $1", 1)),
		"a float":            second(exec(e, "DELETE FROM once WHERE expires = $1", 1.5)),
		"a pointer":          second(exec(e, "DELETE FROM setting WHERE name = $1", new(string))),
		"NULL where none is": second(exec(e, "INSERT INTO setting (name, value) VALUES ($1, $2)", "null", nil)),
	} {
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	ctx := context.Background()
	for name, scan := range map[string]func(store.Scanner) error{
		"a column too many": func(row store.Scanner) error { var a, b string; return row.Scan(&a, &b) },
		"no column":         func(row store.Scanner) error { return row.Scan() },
		"an int":            func(row store.Scanner) error { var n int; return row.Scan(&n) },
		"no pointer":        func(row store.Scanner) error { return row.Scan("") },
	} {
		err := e.View(ctx, func(sql store.SQL) error { return sql.Query(ctx, "SELECT name FROM setting", scan) })
		if err == nil {
			t.Errorf("scan: %s was taken", name)
		}
	}
}

func second(_ int64, err error) error { return err }

func testReadOnly(t *testing.T, e store.Engine) {
	ctx := context.Background()
	err := e.View(ctx, func(sql store.SQL) error {
		_, err := sql.Exec(ctx, "INSERT INTO setting (name, value) VALUES ($1, $2)", "view", "x")
		return err
	})
	if err == nil {
		t.Error("a view wrote")
	}
	if got := texts(t, e, "SELECT value FROM setting WHERE name = $1", "view"); got != nil {
		t.Errorf("a view left a trace: %v", got)
	}
}

func testEndedContext(t *testing.T, e store.Engine) {
	ctx, cancel := context.WithCancel(context.Background())
	err := e.Update(ctx, func(sql store.SQL) error {
		if _, err := sql.Exec(ctx, "INSERT INTO setting (name, value) VALUES ($1, $2)", "ended", "x"); err != nil {
			return err
		}
		cancel()
		_, err := sql.Exec(ctx, "INSERT INTO setting (name, value) VALUES ($1, $2)", "ended too", "x")
		return err
	})
	if err == nil {
		t.Error("an update went on without its caller")
	}
	if err := e.View(ctx, func(sql store.SQL) error {
		return sql.Query(ctx, "SELECT 1", func(store.Scanner) error { return nil })
	}); err == nil {
		t.Error("a view began without its caller")
	}
	if got := texts(t, e, "SELECT value FROM setting WHERE name IN ($1, $2)", "ended", "ended too"); got != nil {
		t.Errorf("a trace was left: %v", got)
	}
}
