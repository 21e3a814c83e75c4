package main

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

// receiptDelay is when the sink reports a message as delivered: real receipts
// come after the submit response, and cost a commit of their own.
const receiptDelay = 2 * time.Second

// Credentials of the sink.
const (
	sinkSystemID = "bench"
	sinkPassword = "secret08"
)

// serveSink is an SMSC that takes everything and tells whoever connects to
// codesAddr what it parsed: lines of "number code".
func serveSink(smppAddr, codesAddr string, ready func(smpp, codes string)) error {
	l, err := net.Listen("tcp", codesAddr)
	if err != nil {
		return err
	}
	lines := make(chan string, 1<<16)
	server, err := smsc.New(smsc.Config{Addr: smppAddr, SystemID: sinkSystemID, Password: core.NewSecret(sinkPassword),
		Decide:     func(*smsc.Part) smsc.Behaviour { return smsc.Delivered(receiptDelay) },
		Handle:     func(m smsc.Message) { lines <- m.To + " " + firstDigits(m.Text) + "\n" },
		MaxPending: 1 << 20,
		Now:        time.Now, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	if err := server.Start(context.Background()); err != nil {
		return err
	}
	ready(server.Addr(), l.Addr().String())
	var listeners fanOut
	go listeners.pump(lines)
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		listeners.add(c)
	}
}

// firstDigits is the code in a text: the first run of four digits or more.
func firstDigits(text string) string {
	for i := 0; i < len(text); i++ {
		j := i
		for j < len(text) && text[j] >= '0' && text[j] <= '9' {
			j++
		}
		if j-i >= 4 {
			return text[i:j]
		}
		i = max(i, j-1)
	}
	return ""
}

// fanOut writes lines to every connection, many a write.
type fanOut struct {
	mu    sync.Mutex
	conns []*bufio.Writer
}

func (f *fanOut) add(c net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns = append(f.conns, bufio.NewWriterSize(c, 1<<16))
}

func (f *fanOut) pump(lines <-chan string) {
	for line := range lines {
		f.mu.Lock()
		f.write(line)
		for more := true; more; {
			select {
			case line := <-lines:
				f.write(line)
			default:
				more = false
			}
		}
		for _, w := range f.conns {
			_ = w.Flush() // a generator that went away takes nothing more
		}
		f.mu.Unlock()
	}
}

func (f *fanOut) write(line string) {
	for _, w := range f.conns {
		_, _ = w.WriteString(line)
	}
}

// readCodes fills the book from a sink until the connection ends.
func readCodes(addr string, book *codeBook) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	go func() {
		in := bufio.NewScanner(c)
		for in.Scan() {
			book.arrived(in.Bytes())
		}
	}()
	return nil
}
