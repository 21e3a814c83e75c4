package obs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// sink is an output that a test reads, blocks and breaks.
type sink struct {
	mu     sync.Mutex
	data   bytes.Buffer
	writes int
	broken error
	gate   chan struct{} // nil: open
}

func (s *sink) Write(p []byte) (int, error) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.broken != nil {
		return 0, s.broken
	}
	return s.data.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.String()
}

func (s *sink) setBroken(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

func write(t *testing.T, w *Writer, line string) {
	t.Helper()
	if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
		t.Fatalf("Write = %d, %v", n, err)
	}
}

func closed(t testing.TB, w *Writer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestWriterGathersForAHundredMilliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		w := NewWriter(out, time.Now, WriterOptions{})
		defer closed(t, w)
		write(t, w, "one\n")
		time.Sleep(99 * time.Millisecond)
		write(t, w, "two\n")
		synctest.Wait()
		if got := out.String(); got != "" {
			t.Fatalf("after 99 ms: %q", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := out.String(); got != "one\ntwo\n" || out.writes != 1 {
			t.Fatalf("after 100 ms: %q in %d writes", got, out.writes)
		}
	})
}

func TestWriterUrgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		w := NewWriter(out, time.Now, WriterOptions{})
		defer closed(t, w)
		start := time.Now()
		write(t, w, "one\n")
		w.Urgent()
		synctest.Wait()
		if got := out.String(); got != "one\n" || time.Since(start) != 0 {
			t.Fatalf("%q after %v", got, time.Since(start))
		}
	})
}

func TestWriterClose(t *testing.T) {
	defer goleak.VerifyNone(t)
	out := &sink{}
	w := NewWriter(out, time.Now, WriterOptions{FlushEvery: time.Hour})
	write(t, w, "one\n")
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(t, w, "late\n")
	if got := out.String(); got != "one\nlate\n" {
		t.Fatalf("%q", got)
	}
	out.setBroken(errors.New("disk full"))
	if _, err := w.Write([]byte("later\n")); err == nil || w.Lost() != 1 {
		t.Fatalf("a late line that can not be written: %v, %d lost", err, w.Lost())
	}
	if err := w.Close(); err == nil || err.Error() != "1 lines of the log could not be written" {
		t.Errorf("what was lost in the end: %v", err)
	}
}

func TestWriterHoldsUpWhileFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{gate: make(chan struct{})}
		w := NewWriter(out, time.Now, WriterOptions{Buffer: 8})
		write(t, w, "1234567\n") // taken by the background goroutine, which hangs in the output
		synctest.Wait()
		write(t, w, "2234567\n") // fills the buffer
		go func() {
			time.Sleep(200 * time.Millisecond)
			close(out.gate)
		}()
		start := time.Now()
		write(t, w, "3234567\n")
		if waited := time.Since(start); waited != 200*time.Millisecond {
			t.Errorf("held up for %v, want until the output moved", waited)
		}
		closed(t, w)
		if got := out.String(); got != "1234567\n2234567\n3234567\n" || w.Lost() != 0 {
			t.Errorf("%q, %d lost", got, w.Lost())
		}
	})
}

func TestWriterCountsWhatItMustLose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{gate: make(chan struct{})}
		w := NewWriter(out, time.Now, WriterOptions{Buffer: 8})
		write(t, w, "1234567\n")
		synctest.Wait()
		write(t, w, "2234567\n")
		start := time.Now()
		write(t, w, "3234567\n")
		if waited := time.Since(start); waited != 250*time.Millisecond || w.Lost() != 1 {
			t.Errorf("held up for %v, %d lost", waited, w.Lost())
		}
		close(out.gate)
		closed(t, w)
		want := "1234567\n" + `{"time":"2000-01-01T00:00:00.250Z","level":"WARN","msg":"log: lines were lost","lines":1}` + "\n2234567\n"
		if got := out.String(); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
}

func TestWriterOutputBreaksAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{broken: errors.New("disk full")}
		w := NewWriter(out, time.Now, WriterOptions{})
		write(t, w, "one\n")
		write(t, w, "two\n")
		time.Sleep(time.Second)
		if w.Lost() != 2 {
			t.Fatalf("%d lost, want 2", w.Lost())
		}
		out.setBroken(nil)
		write(t, w, "three\n")
		closed(t, w)
		want := "three\n" + `{"time":"2000-01-01T00:00:01.000Z","level":"WARN","msg":"log: lines were lost","lines":2}` + "\n"
		if got := out.String(); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
}

func TestWriterLineLargerThanTheBuffer(t *testing.T) {
	out := &sink{}
	w := NewWriter(out, time.Now, WriterOptions{Buffer: 8})
	long := strings.Repeat("x", 100) + "\n"
	write(t, w, long)
	closed(t, w)
	if out.String() != long {
		t.Errorf("%q", out.String())
	}
}

func TestWriterKeepsLinesWhole(t *testing.T) {
	out := &sink{}
	w := NewWriter(out, time.Now, WriterOptions{Buffer: 4096, Patience: time.Minute})
	var writers sync.WaitGroup
	for g := range 20 {
		writers.Go(func() {
			for i := range 500 {
				_, _ = fmt.Fprintf(w, "%d-%d\n", g, i)
			}
		})
	}
	writers.Wait()
	closed(t, w)
	next := map[string]string{}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for _, line := range lines {
		g, i, _ := strings.Cut(line, "-")
		if want := next[g]; want != "" && i != want {
			t.Fatalf("line %q, want %s-%s", line, g, want)
		}
		var n int
		_, _ = fmt.Sscan(i, &n)
		next[g] = fmt.Sprint(n + 1)
	}
	if len(lines) != 10000 || w.Lost() != 0 {
		t.Errorf("%d lines, %d lost", len(lines), w.Lost())
	}
}

func TestOpenWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yanma.log")
	for range 2 { // a restart appends
		w, err := OpenWriter(path, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		write(t, w, "line\n")
		closed(t, w)
	}
	data, _ := os.ReadFile(path)
	info, _ := os.Stat(path)
	if string(data) != "line\nline\n" || info.Mode().Perm() != 0o600 {
		t.Errorf("%q, %v", data, info.Mode())
	}
	if _, err := OpenWriter(filepath.Join(path, "below-a-file"), time.Now); err == nil {
		t.Error("a path below a file was opened")
	}
}
