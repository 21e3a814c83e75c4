//go:build unix

package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is the server's main process.
type process struct {
	command *exec.Cmd
	exited  chan struct{}
}

// startProcess runs a command that ends with the process that started it, even
// when that one is killed.
func startProcess(command *exec.Cmd) (*process, error) {
	p := &process{command: command, exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The signal comes when the thread ends that started the command.
		runtime.LockOSThread()
		endWithParent(command.SysProcAttr)
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait()
		}
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) pid() int { return p.command.Process.Pid }

// stop asks for a fast shutdown, then for an immediate one.
func (p *process) stop() error { return p.end(syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL) }

// end sends one signal after the other until the process is gone.
func (p *process) end(signals ...syscall.Signal) error {
	for _, signal := range signals {
		if err := syscall.Kill(p.pid(), signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		select {
		case <-p.exited:
			return nil
		case <-time.After(10 * time.Second):
		}
	}
	return errors.New("postgrestest: the server does not end")
}

// childrenOf lists the processes that a process started.
func childrenOf(pid int) ([]int, error) {
	path := fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []int
	for _, field := range strings.Fields(string(text)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		all = append(all, child)
	}
	return all, nil
}
