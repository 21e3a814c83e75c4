package app

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// One connection more than there may be is served when another one ends.
func TestConnectionsAreBounded(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })}
	b := newBounded(inner, 2)
	done := make(chan error, 1)
	go func() { done <- server.Serve(b) }()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		ok(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	ask := func(c net.Conn) { // its answer is read apart
		_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: yanma\r\n\r\n")
		ok(t, err)
	}
	answered := func(c net.Conn, within time.Duration) bool {
		ok(t, c.SetReadDeadline(time.Now().Add(within)))
		line := make([]byte, len("HTTP/1.1 418"))
		_, err := io.ReadFull(c, line)
		return err == nil && strings.HasPrefix(string(line), "HTTP/1.1 418")
	}
	first, second, third := dial(), dial(), dial()
	for _, c := range []net.Conn{first, second} {
		if ask(c); !answered(c, 30*time.Second) {
			t.Fatal("a connection within the bound is not served")
		}
	}
	if ask(third); answered(third, 50*time.Millisecond) {
		t.Error("a third connection is served beside two")
	}
	ok(t, first.Close())
	if !answered(third, 30*time.Second) {
		t.Error("the third connection is not served after the first has ended")
	}
	ok(t, server.Shutdown(context.Background()))
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

// A listener whose places are all taken can be closed.
func TestBoundedListenerCloses(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	b := newBounded(inner, 1)
	c, err := net.Dial("tcp", inner.Addr().String())
	ok(t, err)
	defer func() { _ = c.Close() }()
	server, err := b.Accept()
	ok(t, err)
	defer func() { _ = server.Close() }()
	ended := make(chan error, 1)
	go func() {
		_, err := b.Accept()
		ended <- err
	}()
	ok(t, b.Close())
	_ = b.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept ended with %v", err)
	}
}
