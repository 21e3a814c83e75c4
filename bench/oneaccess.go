package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/keyring"
)

// Of the measurements of oneaccess.
const (
	oneAccessConns  = 32
	oneAccessTarget = "0.015"
)

// oneAccess is a server that speaks the dialect, and what the generator must
// know to solve its puzzles without looking at them.
type oneAccess struct {
	*bench
	server *yanma
	client string // X-client-id
	ring   *keyring.Ring
}

// startOneAccess has one app with a client id and its defaults. Every flow comes
// from an address of its own, as people do: the server believes its proxy, which
// is the generator.
func (b *bench) startOneAccess(folder string) (*oneAccess, error) {
	y, err := startYanma(b.binary, filepath.Join(b.work, folder), b.smpp, smppWindow, 1)
	if err != nil {
		return nil, err
	}
	o := &oneAccess{bench: b, server: y}
	if o.client, err = y.speakOneAccess(); err == nil {
		o.ring, err = keyring.Open(filepath.Join(y.folder, "data", "keyring.json"), rand.Reader)
	}
	if err != nil {
		return nil, errors.Join(err, y.stop())
	}
	return o, nil
}

// oneAccessFlow is the dialect's login ÷ the floor's flow: captcha, verify,
// send, login (contracts/oneaccess.md §2). The answer of the puzzle is known,
// through the keyring.
func (b *bench) oneAccessFlow() error {
	o, err := b.startOneAccess("oneaccess")
	if err != nil {
		return err
	}
	r, floor, err := b.againstFloor(oneAccessConns, o.drive)
	if err != nil {
		return errors.Join(err, o.server.stop())
	}
	b.add(fmt.Sprintf("oneaccess captcha + verify + send + login ÷ floor's flow, %d connections", oneAccessConns), fmt.Sprintf("%.4f", r.rate()/floor.rate()), oneAccessTarget,
		fmt.Sprintf("%.0f flows/s of four calls, floor %.0f, p50 %v, p99 %v of a request, server CPU a flow %.0f µs, generator %.0f µs, %s", r.rate(), floor.rate(),
			r.P50.Round(10*time.Microsecond), r.P99.Round(10*time.Microsecond), perFlow(r.servers, r.result), perFlow(r.generator, r.result), r.failures()))
	return o.server.stop()
}

// drive keeps connections busy with logins.
func (o *oneAccess) drive(conns int, span time.Duration) (result, cost, error) {
	return o.measured(conns, span, o.login)
}

// measured is a closed loop and its cost. The server may shed a caller for whom
// no picture is ready in time; more than one of a hundred is an error.
func (o *oneAccess) measured(conns int, span time.Duration, f flow) (result, cost, error) {
	before, err := o.spent([]*yanma{o.server})
	if err != nil {
		return result{}, cost{}, err
	}
	r, err := closedLoop(o.server.addr, conns, 0, span, f)
	if err != nil {
		return r, cost{}, err
	}
	after, err := o.spent([]*yanma{o.server})
	if err == nil && (r.Flows == 0 || r.Errors > r.Flows/100) {
		err = fmt.Errorf("oneaccess: %d flows, %s", r.Flows, r.failures())
	}
	return r, after.minus(before), err
}

// caller is one person: its headers, the same in all four calls. Neighbours of
// an address are counted with it: no two people come from one /24.
func (o *oneAccess) caller(c *conn, i int64) []byte {
	c.headers = fmt.Appendf(c.headers[:0], "X-client-id: %s\r\nX-operating-sys-version: Android 10\r\nX-device-fingerprint: bench%d\r\nX-agent: Mozilla/5.0 (Linux; Android 10)\r\nX-L: zh\r\nX-Forwarded-For: %d.%d.%d.%d\r\n",
		o.client, i, 11+i&63, i>>6&255, i>>14&255, 1+i>>22&127)
	return c.headers
}

var (
	tokenMember  = []byte(`"token":"`)
	passMember   = []byte(`{"captcha_token":`)
	successLogin = []byte(`{"status":"SUCCESS"`)
)

const tokenLength = 32

// picture gets a puzzle: its token.
func (o *oneAccess) picture(c *conn, headers []byte, seen func(time.Duration)) (string, error) {
	start := time.Now()
	status, body, err := c.call("GET", "/api/v2/sdk/captcha", headers, nil)
	if err != nil {
		return "", err
	}
	seen(time.Since(start))
	at := bytes.Index(body, tokenMember)
	if status != http.StatusOK || at < 0 || len(body) < at+len(tokenMember)+tokenLength {
		return "", fmt.Errorf("captcha: status %d: %.200s", status, body)
	}
	return string(body[at+len(tokenMember):][:tokenLength]), nil
}

// login is the whole way of one person.
func (o *oneAccess) login(c *conn, _ int, seen func(time.Duration)) error {
	at := o.number.next.Add(1)
	i, phone := numberAt(at)
	headers := o.caller(c, at)
	token, err := o.picture(c, headers, seen)
	if err != nil {
		return err
	}
	x, ok := o.ring.AnswerOf(token)
	if !ok {
		return errors.New("captcha: the keyring does not know the token")
	}
	pass, err := o.pass(c, headers, token, x, phone, seen)
	if err != nil {
		return err
	}
	o.codes.expect(i, c.codes)
	defer o.codes.forget(i)
	c.request = append(append(append(append(append(c.request[:0], `{"mobile":"`...), phone...), `","type":"LOGIN_SMS","captcha_token":`...), pass...), '}')
	start := time.Now()
	status, body, err := c.call("POST", "/api/v2/sdk/sms/send", headers, c.request)
	if err != nil {
		return err
	}
	seen(time.Since(start))
	if status != http.StatusOK || len(body) != 0 {
		return fmt.Errorf("sms/send: status %d: %s", status, body)
	}
	return o.answer(c, headers, i, phone, seen)
}

// pass has the puzzle checked: the captcha_token, as a JSON string.
func (o *oneAccess) pass(c *conn, headers []byte, token string, x int, phone string, seen func(time.Duration)) (string, error) {
	c.request = append(append(c.request[:0], `{"point_json":"{\"x\":`...), strconv.Itoa(x)...)
	c.request = append(append(append(append(append(c.request, `,\"y\":5}","token":"`...), token...), `","sender":"`...), phone...), `"}`...)
	start := time.Now()
	status, body, err := c.call("POST", "/api/v2/sdk/captcha/verify", headers, c.request)
	if err != nil {
		return "", err
	}
	seen(time.Since(start))
	if status != http.StatusOK || !bytes.HasPrefix(body, passMember) {
		return "", fmt.Errorf("captcha/verify: status %d: %s", status, body)
	}
	return string(bytes.TrimSuffix(bytes.TrimSpace(body[len(passMember):]), []byte("}"))), nil
}

// answer logs in with the code that the sink saw.
func (o *oneAccess) answer(c *conn, headers []byte, i int64, phone string, seen func(time.Duration)) error {
	code, err := c.awaitCode(i)
	if err != nil {
		return err
	}
	c.request = append(append(append(append(append(c.request[:0], `{"mobile":"`...), phone...), `","verify_code":"`...), code...), `"}`...)
	start := time.Now()
	status, body, err := c.call("POST", "/api/v2/sdk/login/mobile-verify-code", headers, c.request)
	if err != nil {
		return err
	}
	seen(time.Since(start))
	if status != http.StatusOK || !bytes.HasPrefix(body, successLogin) {
		return fmt.Errorf("login: status %d: %s", status, body)
	}
	return nil
}

// speakOneAccess gives the server's app a client of the dialect: its client id.
func (y *yanma) speakOneAccess() (client string, err error) {
	if err := y.patch("/admin/apps/1", map[string]any{"dialects": []string{"yunbox", "oneaccess"}}); err != nil {
		return "", err
	}
	var made struct {
		ClientID string `json:"client_id"`
	}
	err = y.admin("/admin/apps/1/oneaccess", map[string]any{}, &made)
	return made.ClientID, err
}
