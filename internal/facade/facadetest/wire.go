package facadetest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// response is an answer as it came.
type response struct {
	status string // HTTP/1.1 200 OK
	header http.Header
	body   string
}

// String shows it as it would stand in a file.
func (r response) String() string {
	var lines []string
	for name, values := range r.header {
		lines = append(lines, name+": "+strings.Join(values, ", "))
	}
	sort.Strings(lines)
	return r.status + "\n" + strings.Join(lines, "\n") + "\n\n" + r.body
}

// answerWithin is how long an answer may take before the test fails.
const answerWithin = 20 * time.Second

// send sends a request so many times at once.
func (r *runner) send(t *testing.T, text string, times int) []response {
	t.Helper()
	wire, method := r.wire(t, text)
	answers, errs := make([]response, times), make([]error, times)
	var all sync.WaitGroup
	for i := range times {
		all.Go(func() { answers[i], errs[i] = roundTrip(r.env.Addr(), wire, method) })
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("%s request: %v", r.asked, err)
		}
		if r.suite.Check != nil {
			status, _ := strconv.Atoi(strings.Fields(answers[i].status)[1])
			r.suite.Check(t, wire, status, answers[i].header, answers[i].body)
		}
	}
	return answers
}

// wire turns a request section into bytes.
func (r *runner) wire(t *testing.T, text string) (wire, method string) {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	head, body = r.fill(t, strings.TrimSuffix(head, "\n")), r.fill(t, strings.TrimSuffix(body, "\n"))
	lines := strings.Split(head, "\n")
	has := map[string]bool{}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		has[strings.ToLower(name)] = true
		if strings.EqualFold(name, "Transfer-Encoding") && strings.TrimSpace(value) == "chunked" {
			body = chunks(body)
		}
	}
	for _, header := range []string{"Host: yanma.test", "Connection: close"} {
		if name, _, _ := strings.Cut(header, ":"); !has[strings.ToLower(name)] {
			lines = append(lines, header)
		}
	}
	method, _, _ = strings.Cut(lines[0], " ")
	if !has["content-length"] && !has["transfer-encoding"] && (body != "" || method != http.MethodGet && method != http.MethodHead) {
		lines = append(lines, "Content-Length: "+strconv.Itoa(len(body)))
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body, method
}

// chunks cuts a body for Transfer-Encoding: chunked.
func chunks(body string) string {
	var out strings.Builder
	for len(body) > 0 {
		n := min(len(body), 1000)
		fmt.Fprintf(&out, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	out.WriteString("0\r\n\r\n")
	return out.String()
}

func roundTrip(addr, wire, method string) (response, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return response{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return response{}, err
	}
	// A server that refuses a large body stops reading: a write error is not
	// the answer, which is what counts.
	go func() { _, _ = io.WriteString(conn, wire) }()
	in := bufio.NewReader(conn)
	for {
		answer, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return response{}, err
		}
		if answer.StatusCode < http.StatusOK {
			continue // 100 Continue
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return response{}, err
		}
		return response{status: answer.Proto + " " + answer.Status, header: answer.Header, body: string(body)}, nil
	}
}
