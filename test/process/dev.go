//go:build interop

package process

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Card is dev.json (design "Running it").
type Card struct {
	BaseURL       string `json:"base_url"`
	HandsetURL    string `json:"handset_url"`
	OperatorURL   string `json:"operator_url"`
	OperatorToken string `json:"operator_token"`
	Yunbox        struct {
		Key string `json:"key"`
	} `json:"yunbox"`
	JSMS struct {
		AppKey       string `json:"app_key"`
		MasterSecret string `json:"master_secret"`
		DevKey       string `json:"dev_key"`
		DevSecret    string `json:"dev_secret"`
		CodeTempID   int    `json:"code_temp_id"`
		NoticeTempID int    `json:"notice_temp_id"`
	} `json:"jsms"`
	Submail struct {
		AppID  string `json:"appid"`
		AppKey string `json:"appkey"`
	} `json:"submail"`
	Camara struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		PrivateKey   string `json:"private_key_pem"`
		KeyID        string `json:"kid"`
		RedirectURI  string `json:"redirect_uri"`
	} `json:"camara"`
	OneAccess struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		TenantID     string `json:"tenant_id"`
		RedirectURI  string `json:"redirect_uri"`
	} `json:"oneaccess"`
}

// DevServer is a `yanma dev` that answers.
type DevServer struct {
	*Process
	Card
	Folder string
	Took   time.Duration // from its start until it was ready
}

// Dev starts `yanma dev` on a folder, on ports that were free, and waits until
// it says that it is ready.
func Dev(t testing.TB, binary, folder string, flags ...string) *DevServer {
	t.Helper()
	began := time.Now()
	d := &DevServer{Folder: folder, Process: Start(t, DevCommand(binary, folder, flags...))}
	d.Await(d.Out, "Ctrl-C stops it.\n")
	d.Took = time.Since(began)
	data, err := os.ReadFile(filepath.Join(folder, "dev.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &d.Card); err != nil {
		t.Fatal(err)
	}
	return d
}

// DevCommand is `yanma dev` on a folder, on ports that are free.
func DevCommand(binary, folder string, flags ...string) *exec.Cmd {
	return exec.Command(binary, append([]string{"dev", "--data", folder, "--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0"}, flags...)...)
}

// Message is one message as the handset shows it.
type Message struct {
	ID         string    `json:"id"`
	Phone      string    `json:"phone"`
	Text       string    `json:"text"`
	Channel    string    `json:"channel"`
	Code       string    `json:"code"`
	ReceivedAt time.Time `json:"received_at"`
}

// Messages are those of a number, newest first.
func (d *DevServer) Messages(phone string) []Message {
	d.t.Helper()
	var all []Message
	body := Get(d.t, d.BaseURL+"/handset/api/messages?phone="+url.QueryEscape(phone))
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		d.t.Fatalf("messages: %v: %s", err, body)
	}
	return all
}

// AwaitCode polls the handset until a number has more than n messages, and
// gives the newest one's code.
func (d *DevServer) AwaitCode(phone string, n int) string {
	d.t.Helper()
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if all := d.Messages(phone); len(all) > n {
			return all[0].Code
		}
	}
	d.t.Fatalf("no message for %s within %s; the log:\n%s", phone, Patience, d.Log())
	return ""
}

// GetCode asks for a code.
func (d *DevServer) GetCode(phone string) string {
	d.t.Helper()
	return Post(d.t, d.BaseURL+"/get-code", fmt.Sprintf(`{"key":%q,"phone_no":%q}`, d.Yunbox.Key, phone))
}

// CheckCode answers a code.
func (d *DevServer) CheckCode(phone, code string) string {
	d.t.Helper()
	return Post(d.t, d.BaseURL+"/check-code", fmt.Sprintf(`{"key":%q,"phone_no":%q,"user_input_code":%q}`, d.Yunbox.Key, phone, code))
}

// LogIn asks for a code, reads it from the handset, answers it and gives the
// user's yb_uid.
func (d *DevServer) LogIn(phone string) string {
	d.t.Helper()
	before := len(d.Messages(phone))
	if got, want := d.GetCode(phone), fmt.Sprintf(`{"status":"ok","phone_no":%q}`, phone); got != want {
		d.t.Fatalf("get-code: %s, want %s", got, want)
	}
	return UID(d.t, d.CheckCode(phone, d.AwaitCode(phone, before)))
}

// UID is the yb_uid of a check-code answer.
func UID(t testing.TB, answer string) string {
	t.Helper()
	var login struct {
		Status string `json:"status"`
		UID    string `json:"yb_uid"`
	}
	if err := json.Unmarshal([]byte(answer), &login); err != nil || login.Status != "ok" || login.UID == "" {
		t.Fatalf("check-code: %s", answer)
	}
	return login.UID
}

// Log is what the server has logged so far.
func (d *DevServer) Log() string {
	data, err := os.ReadFile(filepath.Join(d.Folder, "yanma.log"))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(data)
}

// Operator gives the answer of the operator API to a GET.
func (d *DevServer) Operator(path string) string { return d.operator(http.MethodGet, path, "") }

// GuardRecords lets the fraud guard judge and refuse nothing, for tests that send
// codes which nobody enters.
func (d *DevServer) GuardRecords() {
	d.t.Helper()
	if got := d.operator(http.MethodPatch, "/admin/guard", `{"mode":"record"}`); !strings.Contains(got, `"record"`) {
		d.t.Fatalf("guard: %s", got)
	}
}

func (d *DevServer) operator(method, path, body string) string {
	d.t.Helper()
	request, err := http.NewRequest(method, d.OperatorURL+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+d.OperatorToken)
	return do(d.t, request)
}

// Post sends a JSON body and gives the answer's body without its newline.
func Post(t testing.TB, address, body string) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	return do(t, request)
}

// Get gives the answer's body without its newline.
func Get(t testing.TB, address string) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, request)
}

func do(t testing.TB, request *http.Request) string {
	t.Helper()
	client := http.Client{Timeout: Patience}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(body), "\n")
}
