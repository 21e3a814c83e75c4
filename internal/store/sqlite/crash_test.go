package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// crashFolder tells the child process of TestCrash where to write.
const crashFolder = "YANMA_TEST_CRASH_FOLDER"

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if folder := os.Getenv(crashFolder); folder != "" {
		writeUntilKilled(folder)
	}
	os.Exit(m.Run())
}

// writeUntilKilled commits messages and says the id of each after its commit.
func writeUntilKilled(folder string) {
	o := testOptions(folder)
	o.Checkpoint, o.WALLimit = 5*time.Millisecond, 512<<10
	e, err := Open(context.Background(), o)
	if err == nil {
		err = e.Migrate(context.Background())
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	e.Start()
	first, err := e.Highest(context.Background())
	b := store.NewBatcher(e, time.Now, o.Log, store.Options{})
	b.Start()
	for id := message(first + 1); err == nil; id++ {
		if err = b.Do(context.Background(), id); err == nil {
			fmt.Println(int64(id))
		}
	}
	fmt.Println("error:", err)
	os.Exit(1)
}

// TestCrash kills a process that writes, several times over: what it said to be
// committed is there, once, and the folder opens at once.
func TestCrash(t *testing.T) {
	folder := t.TempDir()
	var said int64
	for round := range 4 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashFolder+"="+folder)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			var id int64
			if _, err := fmt.Sscan(lines.Text(), &id); err != nil {
				t.Fatalf("the process said %q", lines.Text())
			}
			said = max(said, id)
			if n == 50+97*round { // then read on what it still says
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := child.Wait(); err == nil {
			t.Fatal("the process was not killed")
		}
		expectAll(t, folder, said)
	}
}

func expectAll(t *testing.T, folder string, said int64) {
	t.Helper()
	e, err := Open(context.Background(), testOptions(folder))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	var n int64
	err = e.View(context.Background(), func(sql store.SQL) error {
		return sql.Query(context.Background(), "SELECT count(*) FROM message WHERE id <= $1", func(row store.Scanner) error { return row.Scan(&n) }, said)
	})
	if err != nil || n != said {
		t.Errorf("%d messages are there, %d were answered; %v", n, said, err)
	}
	commit(t, e, func(b *store.Batch) { b.Messages.Want(core.MessageID(said)) }, func(b *store.Batch) {
		if m, ok := b.Messages.Get(core.MessageID(said)); !ok || len(m.Body) != 4096 {
			t.Errorf("the last message: %v, %d bytes", ok, len(m.Body))
		}
		b.AppendJournal([]byte("x"))
	})
}
