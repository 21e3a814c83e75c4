//go:build interop

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"yanma.dev/yanma/test/process"
)

var binary string

func TestMain(m *testing.M) { os.Exit(process.Main(m, &binary)) }

const phone = "13800138000"

// readyWithin is generous: the promise is 2 s, on a machine with nothing else
// to do.
const readyWithin = 10 * time.Second

func TestReady(t *testing.T) {
	first := process.Dev(t, binary, t.TempDir())
	t.Logf("ready after %s", first.Took)
	if first.Took > readyWithin {
		t.Errorf("ready after %s", first.Took)
	}
	first.Signal(syscall.SIGINT)
	if code := first.Wait(); code != 0 {
		t.Errorf("exit code %d: %s", code, first.Err)
	}
	again := process.Dev(t, binary, first.Folder)
	t.Logf("ready after %s on a folder that was there", again.Took)
}

// TestCard: dev.json is there last, whole, for its owner only; whoever sees it
// can use everything in it at once.
func TestCard(t *testing.T) {
	folder := t.TempDir()
	p := process.Start(t, process.DevCommand(binary, folder))
	path := filepath.Join(folder, "dev.json")
	var data []byte
	for end := time.Now().Add(process.Patience); data == nil; {
		var err error
		if data, err = os.ReadFile(path); err != nil && time.Now().After(end) {
			t.Fatalf("no dev.json: %v; %s", err, p.Err)
		}
	}
	d := &process.DevServer{Process: p, Folder: folder}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d.Card); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	for address, want := range map[string]string{d.BaseURL + "/readyz": "", d.BaseURL + "/": "", d.HandsetURL + "/": "<!doctype html>",
		d.BaseURL + "/handset/api/messages": "[]"} {
		if got := process.Get(t, address); !strings.HasPrefix(got, want) || strings.Contains(got, `"error"`) {
			t.Errorf("%s answers %s", address, got)
		}
	}
	if got := d.Operator("/admin/status"); !strings.Contains(got, `"apps":1`) {
		t.Errorf("operator: %s", got)
	}
	if len(d.JSMS.AppKey) != 24 || len(d.JSMS.MasterSecret) != 24 || len(d.JSMS.DevKey) != 24 || len(d.JSMS.DevSecret) != 24 ||
		d.JSMS.CodeTempID != 1 || d.JSMS.NoticeTempID != 2 || d.Submail.AppID == "" || d.Submail.AppKey == "" || d.Camara.ClientID == "" ||
		d.Camara.ClientSecret == "" || d.Camara.PrivateKey == "" || d.Camara.KeyID == "" || d.Camara.RedirectURI != d.BaseURL+"/handset/callback" ||
		len(d.OneAccess.ClientID) != 32 || d.OneAccess.ClientSecret == "" || len(d.OneAccess.TenantID) != 32 ||
		d.OneAccess.RedirectURI != d.BaseURL+"/handset/callback" {
		t.Errorf("credentials are missing: %s", data)
	}
	if uid := d.LogIn(phone); len(uid) != 28 {
		t.Errorf("yb_uid %q", uid)
	}
	for _, name := range []string{"dev.json", "dev-secrets.json", "keyring.json", "yanma.db", "yanma.log"} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v: others than its owner can read it", name, info.Mode(), err)
		}
	}
	d.Signal(syscall.SIGTERM)
	if code := d.Wait(); code != 0 {
		t.Errorf("exit code %d: %s", code, d.Err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("dev.json of a server that is gone: %v", err)
	}
}

// TestSecondStart: the same folder goes on with the same key, token, users,
// devices and limits.
func TestSecondStart(t *testing.T) {
	first := process.Dev(t, binary, t.TempDir())
	uid := first.LogIn(phone)
	device := process.Post(t, first.BaseURL+"/u/"+uid+"/devices", fmt.Sprintf(`{"key":%q}`, first.Yunbox.Key))
	first.Signal(syscall.SIGINT)
	if code := first.Wait(); code != 0 {
		t.Fatalf("exit code %d: %s", code, first.Err)
	}

	second := process.Dev(t, binary, first.Folder)
	if second.Yunbox.Key != first.Yunbox.Key || second.OperatorToken != first.OperatorToken {
		t.Error("the credentials changed")
	}
	if got := second.GetCode(phone); !strings.Contains(got, `"code":"0074"`) {
		t.Errorf("a second code within 60 s: %s", got)
	}
	id := strings.TrimSuffix(strings.TrimPrefix(device, `{"status":"ok","device_id":`), "}")
	if got := process.Get(t, second.BaseURL+"/u/"+uid+"/devices"); got != `{"status":"ok","device_ids":[`+id+`]}` {
		t.Errorf("devices %s, want %s", got, id)
	}
	second.Signal(syscall.SIGINT)
	second.Wait()

	third := process.Dev(t, binary, first.Folder, "--limits", "off")
	if again := third.LogIn(phone); again != uid {
		t.Errorf("the user was %s and is %s", uid, again)
	}
}

// TestLimitsOff: frequency limits are lifted, the lock after wrong tries stays.
func TestLimitsOff(t *testing.T) {
	d := process.Dev(t, binary, t.TempDir(), "--limits", "off")
	for i := range 15 { // ten a day, five an hour, one a minute by default
		if got := d.GetCode(phone); !strings.Contains(got, `"status":"ok"`) {
			t.Fatalf("code %d: %s", i+1, got)
		}
	}
	d.AwaitCode(phone, 14)
	if got := d.GetCode("13912345678"); !strings.Contains(got, `"ok"`) {
		t.Fatal(got)
	}
	code := d.AwaitCode("13912345678", 0)
	wrong := []byte(code)
	wrong[0] = '0' + (wrong[0]-'0'+1)%10
	for _, guess := range []string{string(wrong), string(wrong), string(wrong), string(wrong), string(wrong), code} {
		if got, want := d.CheckCode("13912345678", guess), `{"code":"0077","msg":"Invalid or expired code."}`; got != want {
			t.Errorf("check-code: %s, want %s", got, want)
		}
	}
}

// slowRequest sends the head and half the body of a request, which therefore
// is under way until finish is called.
func slowRequest(t *testing.T, d *process.DevServer) (finish func() string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.BaseURL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	body := fmt.Sprintf(`{"key":%q,"phone_no":%q}`, d.Yunbox.Key, phone)
	// The server says 100 Continue when the handler reads the body: from then on
	// the request is under way.
	fmt.Fprintf(conn, "POST /get-code HTTP/1.1\r\nHost: yanma\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", len(body))
	if err := conn.SetDeadline(time.Now().Add(process.Patience)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 100 Continue") {
		t.Fatalf("%q, %v", answer[:n], err)
	}
	fmt.Fprint(conn, body[:10])
	return func() string {
		fmt.Fprint(conn, body[10:])
		var all bytes.Buffer
		_, _ = all.ReadFrom(conn) // what came so far is looked at
		return all.String()
	}
}

func awaitLog(t *testing.T, d *process.DevServer, text string) {
	t.Helper()
	for end := time.Now().Add(process.Patience); !strings.Contains(d.Log(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the log does not say %q:\n%s", text, d.Log())
		}
	}
}

// TestInterruptDrains: a request under way is answered, its message leaves,
// new connections are refused, and the process ends with 0.
func TestInterruptDrains(t *testing.T) {
	d := process.Dev(t, binary, t.TempDir())
	finish := slowRequest(t, d)
	d.Signal(syscall.SIGINT)
	awaitLog(t, d, "yanma: stopping")
	if answer := finish(); !strings.Contains(answer, "200 OK") || !strings.HasSuffix(strings.TrimSpace(answer), `{"status":"ok","phone_no":"`+phone+`"}`) {
		t.Errorf("the request under way was answered %q", answer)
	}
	if code := d.Wait(); code != 0 {
		t.Errorf("exit code %d: %s", code, d.Err)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(d.BaseURL, "http://")); err == nil {
		t.Error("something still listens")
	}
	if got := d.Err.String(); got != "" {
		t.Errorf("it said %q", got)
	}
}

// TestSecondInterruptKills: whoever does not want to wait for the drain
// presses Ctrl-C again.
func TestSecondInterruptKills(t *testing.T) {
	d := process.Dev(t, binary, t.TempDir())
	slowRequest(t, d)
	d.Signal(syscall.SIGINT)
	awaitLog(t, d, "yanma: stopping")
	began := time.Now()
	d.Signal(syscall.SIGINT)
	if code := d.Wait(); code != -int(syscall.SIGINT) {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestPortInUse(t *testing.T) {
	first := process.Dev(t, binary, t.TempDir())
	taken := strings.TrimPrefix(first.BaseURL, "http://")
	p := process.Start(t, process.DevCommand(binary, t.TempDir(), "--listen", taken))
	refused(t, p, "listen on "+taken, "address already in use")
	taken = strings.TrimPrefix(first.OperatorURL, "http://")
	p = process.Start(t, process.DevCommand(binary, t.TempDir(), "--operator", taken))
	refused(t, p, "listen on "+taken, "address already in use")
}

// refused checks that a process ended with 1 after one sentence on standard
// error, with nothing on standard output.
func refused(t *testing.T, p *process.Process, contains ...string) {
	t.Helper()
	if code := p.Wait(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	said := p.Err.String()
	t.Logf("it said: %s", strings.TrimSpace(said))
	if !strings.HasPrefix(said, "yanma: ") || strings.Count(said, "\n") != 1 || p.Out.String() != "" {
		t.Errorf("not one sentence: %q, %q", said, p.Out)
	}
	for _, text := range contains {
		if !strings.Contains(said, text) {
			t.Errorf("it said %q, which lacks %q", said, text)
		}
	}
}

// awaitTrue polls until something is so.
func awaitTrue(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(process.Patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so within %s", process.Patience)
		}
	}
}
