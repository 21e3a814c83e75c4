//go:build interop

package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience bounds every wait: far longer than any of them takes.
const Patience = 20 * time.Second

// Main builds the binary, runs the tests of m with its path in *binary, and
// removes it. It gives the exit code of the test process.
func Main(m *testing.M, binary *string) int {
	folder, err := os.MkdirTemp("", "yanma-binary-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	*binary = filepath.Join(folder, "yanma")
	build := exec.Command("go", "build", "-o", *binary, "yanma.dev/yanma/cmd/yanma")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build yanma:", err)
		return 1
	}
	return m.Run()
}

// Missing ends a test that lacks a tool or a right: it is skipped by name on a
// developer's machine, and fails in CI.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip("not proven here: " + what)
}

// Process is a running command.
type Process struct {
	Out, Err *Output

	t       testing.TB
	command *exec.Cmd
	ended   chan struct{} // closed when the process is gone
}

// Start runs a command. It is killed at the end of the test if it still runs.
func Start(t testing.TB, command *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Out: newOutput(), Err: newOutput(), t: t, command: command, ended: make(chan struct{})}
	command.Stdout, command.Stderr = p.Out, p.Err
	if err := command.Start(); err != nil {
		t.Fatalf("start %s: %v", command, err)
	}
	go func() {
		_ = command.Wait() // its exit code is in ProcessState
		close(p.ended)
	}()
	t.Cleanup(p.Kill)
	return p
}

// Pid is the operating system's number of the process.
func (p *Process) Pid() int { return p.command.Process.Pid }

// Ended is closed when the process is gone.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Signal sends a signal; a process that is gone does not mind.
func (p *Process) Signal(s os.Signal) {
	if err := p.command.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signal %s: %v", s, err)
	}
}

// Kill ends the process as a power cut would, and waits until it is gone.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.ended
}

// Wait gives the exit code, or the signal as its negative.
func (p *Process) Wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(Patience):
		p.t.Fatalf("%s did not end within %s; it said:\n%s%s", p.command, Patience, p.Out, p.Err)
	}
	status := p.command.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -int(status.Signal())
	}
	return status.ExitStatus()
}

// Await waits until the process has said text on one of its outputs, p.Out or
// p.Err.
func (p *Process) Await(on *Output, text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	for {
		said, more := on.state()
		if strings.Contains(said, text) {
			return
		}
		select {
		case <-more:
		case <-p.ended:
			if !strings.Contains(on.String(), text) {
				p.t.Fatalf("%s ended before it said %q:\n%s%s", p.command, text, p.Out, p.Err)
			}
			return
		case <-ctx.Done():
			p.t.Fatalf("%s did not say %q within %s:\n%s%s", p.command, text, Patience, p.Out, p.Err)
		}
	}
}

// Output is what a process wrote so far.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed at the next write
}

func newOutput() *Output { return &Output{more: make(chan struct{})} }

// Write takes what the process writes.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.more)
	o.more = make(chan struct{})
	return o.text.Write(b)
}

// String is everything so far.
func (o *Output) String() string {
	said, _ := o.state()
	return said
}

func (o *Output) state() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String(), o.more
}
