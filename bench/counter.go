package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

// serveCounter is an SMSC that takes everything, reports it as delivered where a
// receipt is asked for, and tells whoever connects to countsAddr how many
// messages it took. It keeps nothing, so that it is no part of what is measured.
func serveCounter(smppAddr, countsAddr string, ready func(smpp, counts string)) error {
	l, err := net.Listen("tcp", countsAddr)
	if err != nil {
		return err
	}
	var taken atomic.Int64
	server, err := smsc.New(smsc.Config{Addr: smppAddr, // anyone may bind: receipts go to who asked for them
		Decide:     func(*smsc.Part) smsc.Behaviour { return smsc.Delivered(receiptDelay) },
		Handle:     func(smsc.Message) { taken.Add(1) },
		MaxPending: 1 << 22,
		Now:        time.Now, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	if err := server.Start(context.Background()); err != nil {
		return err
	}
	ready(server.Addr(), l.Addr().String())
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		fmt.Fprintln(c, taken.Load(), server.Bound())
		c.Close()
	}
}

// counter is a counting sink in a process of its own.
type counter struct {
	*process
	smpp, counts string
}

func startCounter(self string) (*counter, error) {
	p, line, err := startProcess(self, "counter")
	if err != nil {
		return nil, err
	}
	smpp, counts, _ := strings.Cut(line, " ")
	return &counter{process: p, smpp: smpp, counts: counts}, nil
}

// taken is how many messages came so far, and how many clients are bound.
func (c *counter) taken() (messages int64, bound int, err error) {
	conn, err := net.Dial("tcp", c.counts)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	line, err := io.ReadAll(conn)
	if err != nil {
		return 0, 0, err
	}
	first, second, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	if messages, err = strconv.ParseInt(first, 10, 64); err != nil {
		return 0, 0, err
	}
	bound, err = strconv.Atoi(second)
	return messages, bound, err
}

// awaitBound waits until so many clients are bound.
func (c *counter) awaitBound(want int) error {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, bound, err := c.taken(); err != nil || bound >= want {
			return err
		}
	}
	return fmt.Errorf("%d clients do not bind in 30 s", want)
}
