package obs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Writer gathers log lines and writes many of them at once, in the background:
// at the latest after FlushEvery, at once when somebody calls Urgent. One
// write is one or more whole lines.
type Writer struct {
	out     io.Writer
	now     func() time.Time
	options WriterOptions

	mu      sync.Mutex
	filling []byte        // lines that came since the last write
	spare   []byte        // the other buffer, while it is not being written
	freed   chan struct{} // closed when filling has been taken
	stopped bool          // the background goroutine has ended or will

	some   chan struct{} // there are lines
	urgent chan struct{} // and they are waited for
	stop   chan struct{}
	done   chan struct{}

	lost     atomic.Int64
	reported int64 // of lost; the background goroutine's until done
}

// WriterOptions of a Writer. Zero values mean the defaults.
type WriterOptions struct {
	Buffer     int           // bytes that may wait; default 1 MiB
	FlushEvery time.Duration // default 100 ms
	Patience   time.Duration // how long a full buffer holds up a caller before the line is lost; default 250 ms
}

// NewWriter starts a Writer on out. Close ends it; out stays open.
func NewWriter(out io.Writer, now func() time.Time, o WriterOptions) *Writer {
	if o.Buffer <= 0 {
		o.Buffer = 1 << 20
	}
	if o.FlushEvery <= 0 {
		o.FlushEvery = 100 * time.Millisecond
	}
	if o.Patience <= 0 {
		o.Patience = 250 * time.Millisecond
	}
	w := &Writer{out: out, now: now, options: o, freed: make(chan struct{}), some: make(chan struct{}, 1),
		urgent: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

// OpenWriter is NewWriter on a file that is appended to and made readable to
// its owner alone, or on standard error for an empty path.
func OpenWriter(path string, now func() time.Time) (*Writer, error) {
	if path == "" {
		return NewWriter(os.Stderr, now, WriterOptions{}), nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return NewWriter(f, now, WriterOptions{}), nil
}

// Write takes one line with its newline. It holds up the caller only while the
// buffer is full, and for no longer than Patience: then the line is lost and
// counted. After Close it writes through.
func (w *Writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped && w.full(line) && !w.waitForSpace(line) {
		w.lost.Add(1)
		return len(line), nil
	}
	if w.stopped {
		return w.writeThrough(line)
	}
	w.filling = append(w.filling, line...)
	signal(w.some)
	if len(w.filling) > w.options.Buffer/2 {
		signal(w.urgent)
	}
	return len(line), nil
}

// Urgent has what was written so far written out at once.
func (w *Writer) Urgent() { signal(w.urgent) }

// Lost counts the lines that the buffer had no room for, or that could not be
// written out. A line in the log says so too, as soon as one can be written.
func (w *Writer) Lost() int64 { return w.lost.Load() }

// Close writes out everything and ends the background goroutine. The error
// says that lines were lost of which the log itself could not tell. Lines that
// come later are written through. Closing twice is fine.
func (w *Writer) Close() error {
	w.mu.Lock()
	if !w.stopped {
		w.stopped = true
		close(w.stop)
	}
	w.mu.Unlock()
	<-w.done
	if untold := w.lost.Load() - w.reported; untold > 0 {
		return fmt.Errorf("%d lines of the log could not be written", untold)
	}
	return nil
}

func (w *Writer) full(line []byte) bool {
	return len(w.filling) > 0 && len(w.filling)+len(line) > w.options.Buffer
}

// waitForSpace is called with the lock held, and gives it away meanwhile.
func (w *Writer) waitForSpace(line []byte) bool {
	patience, cancel := context.WithTimeout(context.Background(), w.options.Patience)
	defer cancel()
	for !w.stopped && w.full(line) {
		freed := w.freed
		w.mu.Unlock()
		signal(w.urgent)
		select {
		case <-freed:
		case <-patience.Done():
		}
		w.mu.Lock()
		if patience.Err() != nil && w.full(line) {
			return false
		}
	}
	return true
}

// writeThrough is called with the lock held, when Close was called.
func (w *Writer) writeThrough(line []byte) (int, error) {
	<-w.done
	n, err := w.out.Write(line)
	if err != nil {
		w.lost.Add(1)
	}
	return n, err
}

func (w *Writer) run() {
	defer close(w.done)
	for stopping := false; !stopping; {
		select {
		case <-w.some:
			stopping = w.pause()
		case <-w.stop:
			stopping = true
		}
		w.flush()
	}
}

// pause lets lines gather. It tells whether the Writer stops.
func (w *Writer) pause() bool {
	pause, cancel := context.WithTimeout(context.Background(), w.options.FlushEvery)
	defer cancel()
	select {
	case <-w.urgent:
	case <-pause.Done():
	case <-w.stop:
		return true
	}
	return false
}

func (w *Writer) flush() {
	w.mu.Lock()
	lines := w.filling
	w.filling, w.spare = w.spare[:0], nil
	close(w.freed)
	w.freed = make(chan struct{})
	w.mu.Unlock()

	w.writeOut(lines)

	w.mu.Lock()
	if cap(lines) <= 2*w.options.Buffer { // one huge line does not keep its memory
		w.spare = lines[:0]
	}
	w.mu.Unlock()
}

func (w *Writer) writeOut(lines []byte) {
	if len(lines) > 0 {
		if n, err := w.out.Write(lines); err != nil {
			w.lost.Add(int64(bytes.Count(lines[min(n, len(lines)):], []byte{'\n'})))
			return
		}
	}
	if lost := w.lost.Load(); lost > w.reported {
		line := fmt.Sprintf(`{"time":"%s","level":"WARN","msg":"log: lines were lost","lines":%d}`+"\n",
			w.now().UTC().Format(timeFormat), lost-w.reported)
		if _, err := io.WriteString(w.out, line); err == nil {
			w.reported = lost
		}
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
