package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one of the programs under measurement.
type process struct {
	cmd   *exec.Cmd
	ended chan error
}

// startProcess runs a program and returns the first line that it prints.
func startProcess(program string, args ...string) (*process, string, error) {
	cmd := exec.Command(program, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	p := &process{cmd: cmd, ended: make(chan error, 1)}
	in := bufio.NewReader(out)
	line, err := in.ReadString('\n')
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("%s said nothing: %w", program, err), p.kill())
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		p.ended <- cmd.Wait()
	}()
	return p, strings.TrimSpace(line), nil
}

// startServer runs a server whose readiness is told by a probe.
func startServer(log string, program string, args ...string) (*process, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = file, file
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, ended: make(chan error, 1)}
	go func() {
		p.ended <- cmd.Wait()
		file.Close()
	}()
	return p, nil
}

// stop asks the process to end, and waits.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-p.ended:
		return err
	case <-time.After(40 * time.Second):
		return errors.Join(errors.New("a process did not stop in 40 s"), p.kill())
	}
}

func (p *process) kill() error { return p.cmd.Process.Kill() }

// cpu is the processor time that the process used so far.
func (p *process) cpu() (time.Duration, error) {
	own, _, err := processorTime(p.cmd.Process.Pid)
	return own, err
}

// processorTime is what a process used so far, and what those of its children
// used that have ended.
func processorTime(pid int) (own, ended time.Duration, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0, 0, errors.New("short /proc stat")
	}
	var ticks [4]int64 // own: user, system; of children that have ended: user, system
	for i := range ticks {
		if ticks[i], err = strconv.ParseInt(fields[11+i], 10, 64); err != nil {
			return 0, 0, err
		}
	}
	const tick = 10 * time.Millisecond
	return time.Duration(ticks[0]+ticks[1]) * tick, time.Duration(ticks[2]+ticks[3]) * tick, nil
}

// ownCPU is the processor time that this process used so far.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memory is resident memory now and at its highest, in bytes.
func (p *process) memory() (now, highest int64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "VmRSS:":
			now, err = strconv.ParseInt(fields[1], 10, 64)
		case "VmHWM:":
			highest, err = strconv.ParseInt(fields[1], 10, 64)
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return now << 10, highest << 10, nil
}
