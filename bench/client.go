package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// conn is one keep-alive HTTP connection, written and parsed by hand: the
// generator shares the cores with what it measures.
type conn struct {
	net.Conn
	in      *bufio.Reader
	out     []byte
	body    []byte
	request []byte // of the flow under way
	headers []byte // of the flow under way, each line with its end
	host    string
	auth    string // the Authorization header; "" is none
	timeout time.Duration

	codes chan arrival // what the sink saw for this connection's flow
	late  *time.Timer
}

func dial(addr string) (*conn, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	late := time.NewTimer(time.Hour)
	late.Stop()
	return &conn{Conn: c, in: bufio.NewReaderSize(c, 4096), host: addr, timeout: 30 * time.Second, codes: make(chan arrival, 4), late: late}, nil
}

// post sends a JSON body and returns status and body; the body is valid until
// the next call.
func (c *conn) post(path string, body []byte) (int, []byte, error) {
	return c.call("POST", path, nil, body)
}

// call is post with another method and more header lines.
func (c *conn) call(method, path string, headers, body []byte) (int, []byte, error) {
	c.out = append(append(c.out[:0], method...), ' ')
	c.out = append(c.out, path...)
	c.out = append(c.out, " HTTP/1.1\r\nHost: "...)
	c.out = append(c.out, c.host...)
	if c.auth != "" {
		c.out = append(append(c.out, "\r\nAuthorization: "...), c.auth...)
	}
	c.out = append(append(c.out, "\r\n"...), headers...)
	if body != nil {
		c.out = append(c.out, "Content-Type: application/json\r\nContent-Length: "...)
		c.out = append(strconv.AppendInt(c.out, int64(len(body)), 10), "\r\n"...)
	}
	c.out = append(c.out, "\r\n"...)
	c.out = append(c.out, body...)
	if err := c.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, nil, err
	}
	if _, err := c.Write(c.out); err != nil {
		return 0, nil, err
	}
	return c.answer()
}

var contentLength = []byte("Content-Length:")

func (c *conn) answer() (int, []byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 {
		return 0, nil, fmt.Errorf("short status line %q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, nil, err
	}
	length := -1
	for {
		line, err = c.in.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		if len(line) <= 2 {
			break
		}
		if bytes.HasPrefix(line, contentLength) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return 0, nil, err
			}
		}
	}
	if length < 0 {
		return 0, nil, fmt.Errorf("answer without Content-Length")
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.in, c.body)
	return status, c.body, err
}
