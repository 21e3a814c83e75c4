package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const benchToken = "bench-operator-token"

// yanma is a server under measurement: as in production, with its defaults.
type yanma struct {
	*process
	addr, operator string
	folder         string
	keys           []string // one app of a tenant of its own each
}

// startYanma runs `yanma serve` on a new folder, or on one that is there, and
// makes tenants with one app each. more are lines of its table [store].
func startYanma(binary, folder, smpp string, window, tenants int, more ...string) (*yanma, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	y := &yanma{folder: folder}
	var err error
	if y.addr, err = freePort(); err != nil {
		return nil, err
	}
	if y.operator, err = freePort(); err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(`[server]
listen = %q
trusted_proxies = ["127.0.0.0/8"]
[operator]
listen = %q
token = "env:BENCH_TOKEN"
[store]
data = %q
%s
[log]
file = %q
[[provider]]
name = "sink"
type = "smpp"
address = %q
system_id = %q
password = "env:BENCH_PASSWORD"
window = %d
source = "YANMA"
`, y.addr, y.operator, filepath.Join(folder, "data"), strings.Join(more, "\n"), filepath.Join(folder, "requests.log"), smpp, sinkSystemID, window)
	path := filepath.Join(folder, "yanma.toml")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		return nil, err
	}
	os.Setenv("BENCH_TOKEN", benchToken)
	os.Setenv("BENCH_PASSWORD", sinkPassword)
	os.Setenv("BENCH_CARRIER_KEY", carrierAppKey)
	if y.process, err = startServer(filepath.Join(folder, "server.out"), binary, "serve", "--config", path); err != nil {
		return nil, err
	}
	if err := y.awaitReady(); err != nil {
		out, _ := os.ReadFile(filepath.Join(folder, "server.out"))
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return y, y.makeApps(tenants)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (y *yanma) awaitReady() error {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get("http://" + y.addr + "/readyz")
		if err != nil {
			continue
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK && bytes.Contains(body, []byte(`"ready"`)) {
			return nil
		}
	}
	return fmt.Errorf("the server is not ready after 30 s")
}

func (y *yanma) makeApps(tenants int) error {
	for i := range tenants {
		name := fmt.Sprintf("bench-%d-%d", time.Now().UnixNano(), i)
		var t struct {
			ID int64 `json:"id"`
		}
		if err := y.admin("/admin/tenants", map[string]any{"name": name}, &t); err != nil {
			return err
		}
		var a struct {
			App struct {
				ID int64 `json:"id"`
			} `json:"app"`
			Key string `json:"key"`
		}
		if err := y.admin("/admin/apps", map[string]any{"tenant": t.ID, "name": name, "settings": map[string]any{"signature": "验码"}}, &a); err != nil {
			return err
		}
		if err := y.admin(fmt.Sprintf("/admin/apps/%d/credit", a.App.ID), map[string]any{"amount": 1_000_000_000}, nil); err != nil {
			return err
		}
		y.keys = append(y.keys, a.Key)
	}
	return nil
}

func (y *yanma) admin(path string, body, into any) error {
	return y.call(http.MethodPost, path, body, into)
}

func (y *yanma) call(method, path string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, "http://"+y.operator+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+benchToken)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s: status %d: %s", path, answer.StatusCode, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}
