package facade

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestBodies(t *testing.T) {
	s := serve(t, Config{Mounts: []Mount{{Facade: toy("toy")}}})
	for _, c := range []struct{ body, encoding, want string }{
		{"", "", ""},
		{"1234567890", "", "1234567890"},
		{"12345678901", "", "toy: body_too_large"},
		{"hi", "identity", "hi"},
		{"hi", "Identity, ", "hi"},
		{"hi", "gzip", "toy: media_type"},
		{"hi", "identity, br", "toy: media_type"},
		{strings.Repeat("x", 1<<20), "", "toy: body_too_large"},
	} {
		for _, chunked := range []bool{false, true} {
			r, err := http.NewRequest("POST", s.URL+"/echo", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if chunked {
				r.Body = io.NopCloser(strings.NewReader(c.body))
				r.ContentLength = -1
			}
			if c.encoding != "" {
				r.Header.Set("Content-Encoding", c.encoding)
			}
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if string(got) != c.want {
				t.Errorf("%.12q, encoding %q, chunked %v = %q, want %q", c.body, c.encoding, chunked, got, c.want)
			}
		}
	}
}

// raw sends bytes as they are and reads everything that comes back.
func (s server) raw(t *testing.T, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// An answer reaches also those who close after it and whose body nobody read:
// proxies that speak HTTP/1.0.
func TestUnreadBodies(t *testing.T) {
	s := serve(t, Config{Mounts: []Mount{{Facade: toy("toy")}}})
	for _, c := range []struct{ request, want string }{
		{"GET /things/a", "a||"}, // contracts/README.md §3.1: read up to the cap and ignored
		{"GET /echo", "toy: method_not_allowed"},
		{"POST /things/a/b", "toy: unknown_path"},
		{"POST /nobody", notFound},
		{"POST /echo", "toy: body_too_large"},
	} {
		for _, version := range []string{"1.0", "1.1"} {
			for _, size := range []int{60_000, 200_000} {
				got := s.raw(t, fmt.Sprintf("%s HTTP/%s\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", c.request, version, size, strings.Repeat("x", size)))
				if !strings.HasSuffix(got, "\r\n\r\n"+c.want) {
					t.Errorf("%s, HTTP/%s, %d bytes: answer %q", c.request, version, size, got)
				}
			}
		}
	}
	// The answer does not wait for the body.
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 11\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got, err := io.ReadAll(answer.Body); err != nil || string(got) != "toy: body_too_large" {
		t.Errorf("answer = %q, %v", got, err)
	}
}

func TestBodyThatBreaksOff(t *testing.T) {
	s := serve(t, Config{Mounts: []Mount{{Facade: toy("toy")}}})
	for _, request := range []string{
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhi",
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n",
	} {
		if got := s.raw(t, request); !strings.HasSuffix(got, "toy: malformed") {
			t.Errorf("answer = %q", got)
		}
	}
}

func TestExpectContinue(t *testing.T) {
	s := serve(t, Config{Mounts: []Mount{{Facade: toy("toy")}}})
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	in := bufio.NewReader(conn)
	first, err := in.ReadString('\n')
	if err != nil || first != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("first line = %q, %v", first, err)
	}
	_, _ = in.ReadString('\n')
	fmt.Fprint(conn, "hi")
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got, _ := io.ReadAll(answer.Body); string(got) != "hi" {
		t.Errorf("answer = %q", got)
	}
	// A body that is too large is refused without asking for it.
	if got := s.raw(t, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n"); strings.Contains(got, "100 Continue") || !strings.HasSuffix(got, "toy: body_too_large") {
		t.Errorf("answer = %q", got)
	}
}

// Callers who are slow with their bodies take no place of those who are not.
func TestSlowBodiesAreNotAtWork(t *testing.T) {
	reading := make(chan struct{})
	f := toy("toy")
	f.Routes = append(f.Routes, Route{Name: "slow", Method: "POST", Path: "/things/slow/body", BodyCap: 10, Handle: func(_ context.Context, x *Exchange) error {
		reading <- struct{}{}
		body, err := x.ReadBody()
		x.Out = append(x.Out, body...)
		return err
	}})
	s := serve(t, Config{Mounts: []Mount{{Facade: f}}, InFlight: 1})
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /things/slow/body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nh")
	<-reading
	for deadline := time.Now().Add(5 * time.Second); ; { // until the reader has given its place back
		if _, got := s.ask(t, "POST", "", "/echo", "hi"); got == "hi" {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("answer beside a slow body = %q", got)
		}
	}
	fmt.Fprint(conn, "i")
	if got, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(got), "\r\n\r\nhi") {
		t.Errorf("slow answer = %q, %v", got, err)
	}
}

// Callers who are slow with large bodies take each other's memory, and nobody
// else's place.
func TestSlowLargeBodiesAreBounded(t *testing.T) {
	f := toy("toy")
	f.Routes[0].BodyCap = BodyCap
	s := serve(t, Config{Mounts: []Mount{{Facade: f}}, InFlight: largeShare * fewestLarge})
	var slow []net.Conn
	for range fewestLarge {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", BodyCap, strings.Repeat("x", smallBody+1))
		slow = append(slow, conn)
	}
	large := strings.Repeat("y", smallBody+1)
	for deadline := time.Now().Add(5 * time.Second); ; { // until all of them are being received
		if _, got := s.ask(t, "POST", "", "/echo", large); got == "toy: overloaded" {
			break
		} else if got != large || time.Now().After(deadline) {
			t.Fatalf("large body beside slow ones = %.40q", got)
		}
	}
	if _, got := s.ask(t, "POST", "", "/echo", large[1:]); got != large[1:] {
		t.Errorf("small body beside slow ones = %.40q", got)
	}
	for _, conn := range slow {
		fmt.Fprint(conn, strings.Repeat("x", BodyCap-smallBody-1))
		if got, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(got), "\r\n\r\n"+strings.Repeat("x", BodyCap)) {
			t.Fatalf("slow answer = %d bytes, %v", len(got), err)
		}
	}
	if _, got := s.ask(t, "POST", "", "/echo", large); got != large {
		t.Errorf("large body afterwards = %.40q", got)
	}
}
