package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Bounds of the measurements of jsms.
const (
	jsmsConns    = 64
	jsmsTurns    = 6
	batchSize    = 1000
	batches      = 300
	jsmsTemplate = `{"template":"您的订单{{number}}已发货","type":2}`
)

// jsms measures the dialect: its flow beside that of yunbox, batches, and
// schedules that are due at once.
func (b *bench) jsms() error {
	y, err := startYanma(b.binary, filepath.Join(b.work, "jsms"), b.smpp, smppWindow, 1)
	if err != nil {
		return err
	}
	auth, template, err := y.speakJSMS()
	if err != nil {
		return errors.Join(err, y.stop())
	}
	err = b.jsmsFlow(y, auth)
	if err == nil {
		err = b.jsmsBatches(y, auth, template)
	}
	if err = errors.Join(err, y.stop()); err != nil {
		return err
	}
	return b.schedules()
}

// speakJSMS lets the server's app use jsms: its Authorization header, and a
// notice that is approved.
func (y *yanma) speakJSMS() (auth, template string, err error) {
	var tenants struct {
		Apps []struct {
			ID int64 `json:"id"`
		} `json:"apps"`
	}
	if err := y.call(http.MethodGet, "/admin/apps", nil, &tenants); err != nil {
		return "", "", err
	}
	if len(tenants.Apps) == 0 {
		return "", "", errors.New("the server has no app")
	}
	app := fmt.Sprintf("/admin/apps/%d", tenants.Apps[0].ID)
	if err := y.call(http.MethodPatch, app, map[string]any{"dialects": []string{"yunbox", "jsms"}}, nil); err != nil {
		return "", "", err
	}
	var pair struct{ Key, Secret string }
	if err := y.admin(app+"/jsms/rotate-key", map[string]any{}, &pair); err != nil {
		return "", "", err
	}
	auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(pair.Key+":"+pair.Secret))
	answer, err := y.ask(auth, "/v1/templates", jsmsTemplate)
	if err != nil {
		return "", "", err
	}
	template = strings.TrimSuffix(strings.TrimPrefix(answer, `{"temp_id":`), "}")
	return auth, template, y.admin(app+"/templates/"+template+"/approve", map[string]any{}, nil)
}

// ask sends a JSON body with credentials; anything but 200 is an error.
func (y *yanma) ask(auth, path, body string) (string, error) {
	request, err := http.NewRequest(http.MethodPost, "http://"+y.addr+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", auth)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %s", path, answer.StatusCode, text)
	}
	return string(text), err
}

var (
	msgID   = []byte(`{"msg_id":"`)
	isValid = []byte(`{"is_valid":true}`)
)

// jsmsLogin asks for a code, takes it from the sink and answers it, as loginFlow
// does, with the dialect's two requests.
func jsmsLogin(n *numbers, auth string, codes *codeBook) flow {
	return func(c *conn, _ int, seen func(time.Duration)) error {
		c.auth = auth
		i, phone := n.take()
		codes.expect(i, c.codes)
		defer codes.forget(i)
		start := time.Now()
		c.request = append(append(append(c.request[:0], `{"mobile":"`...), phone...), `","temp_id":1}`...)
		status, body, err := c.post("/v1/codes", c.request)
		if err != nil {
			return err
		}
		seen(time.Since(start))
		if status != http.StatusOK || !bytes.HasPrefix(body, msgID) || len(body) < len(msgID)+36 {
			return fmt.Errorf("codes: status %d: %s", status, body)
		}
		path := "/v1/codes/" + string(body[len(msgID):len(msgID)+36]) + "/valid"
		code, err := c.awaitCode(i)
		if err != nil {
			return err
		}
		start = time.Now()
		c.request = append(append(append(c.request[:0], `{"code":"`...), code...), `"}`...)
		status, body, err = c.post(path, c.request)
		if err != nil {
			return err
		}
		seen(time.Since(start))
		if status != http.StatusOK || !bytes.Equal(body, isValid) {
			return fmt.Errorf("valid: status %d: %s", status, body)
		}
		return nil
	}
}

// yunboxOnly is loginFlow on a connection that may have carried jsms before.
func yunboxOnly(f flow) flow {
	return func(c *conn, worker int, seen func(time.Duration)) error {
		c.auth = ""
		return f(c, worker, seen)
	}
}

// jsmsFlow compares the two flows on one server, in turn; which is first changes
// from turn to turn.
func (b *bench) jsmsFlow(y *yanma, auth string) error {
	both := [2]flow{yunboxOnly(loginFlow(b.number, y.keys, b.codes)), jsmsLogin(b.number, auth, b.codes)}
	var sides [2]compared
	for turn := range jsmsTurns {
		for k := range both {
			side := (turn + k) % 2
			if turn == 0 {
				if _, err := closedLoop(y.addr, jsmsConns, 0, warmUp/2, both[side]); err != nil {
					return err
				}
			}
			before, err := b.spent([]*yanma{y})
			if err != nil {
				return err
			}
			r, err := closedLoop(y.addr, jsmsConns, 0, b.span/jsmsTurns, both[side])
			if err != nil {
				return err
			}
			after, err := b.spent([]*yanma{y})
			if err != nil {
				return err
			}
			if r.Flows == 0 || r.Errors > 0 {
				return fmt.Errorf("jsms: %d flows, %s", r.Flows, r.failures())
			}
			sides[side].add(r, after.minus(before))
		}
	}
	yunbox, jsms := sides[0], sides[1]
	b.add(fmt.Sprintf("jsms codes + valid ÷ yunbox's flow, %d connections", jsmsConns), fmt.Sprintf("%.3f", jsms.rate()/yunbox.rate()), "0.9",
		fmt.Sprintf("%.0f flows/s, yunbox %.0f; server CPU a flow %.0f µs, yunbox %.0f µs; p99 of a request %v", jsms.rate(), yunbox.rate(),
			perFlow(jsms.servers, jsms.result), perFlow(yunbox.servers, yunbox.result), jsms.P99.Round(10*time.Microsecond)))
	return nil
}

// batchBody is a call for so many numbers that were not used before.
func batchBody(n *numbers, head, template string, size int) string {
	var t strings.Builder
	fmt.Fprintf(&t, `{%s"temp_id":%s,"recipients":[`, head, template)
	for i := range size {
		if i > 0 {
			t.WriteByte(',')
		}
		_, phone := n.take()
		fmt.Fprintf(&t, `{"mobile":"%s","temp_para":{"number":"%d"}}`, phone, 100000+i)
	}
	t.WriteString("]}")
	return t.String()
}

// jsmsBatches measures calls of a thousand recipients, one after the other; the
// carrier's work on the one before goes on meanwhile.
func (b *bench) jsmsBatches(y *yanma, auth, template string) error {
	var took []time.Duration
	for end := time.Now().Add(b.span); len(took) < batches && (time.Now().Before(end) || len(took) < 20); {
		body := batchBody(b.number, "", template, batchSize)
		start := time.Now()
		answer, err := y.ask(auth, "/v1/messages/batch", body)
		if err != nil {
			return err
		}
		took = append(took, time.Since(start))
		if !strings.HasPrefix(answer, fmt.Sprintf(`{"success_count":%d,`, batchSize)) {
			return fmt.Errorf("a batch was answered %.200s", answer)
		}
	}
	slices.Sort(took)
	b.add(fmt.Sprintf("a batch of %d recipients, p99", batchSize), took[len(took)*99/100].Round(100*time.Microsecond).String(), "150ms",
		fmt.Sprintf("%d calls, p50 %v", len(took), took[len(took)/2].Round(100*time.Microsecond)))
	return nil
}
