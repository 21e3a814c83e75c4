//go:build interop

package browser

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"yanma.dev/yanma/test/process"
)

// jsmsKeys are the keys of dev.json that voice codes need.
type jsmsKeys struct {
	JSMS struct {
		AppKey       string `json:"app_key"`
		MasterSecret string `json:"master_secret"`
	} `json:"jsms"`
}

// jsms posts to the jsms dialect as the demo app.
func jsms(t *testing.T, dev *process.DevServer, path, body string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dev.Folder, "dev.json"))
	if err != nil {
		t.Fatal(err)
	}
	var keys jsmsKeys
	if err := json.Unmarshal(data, &keys); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, dev.BaseURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(keys.JSMS.AppKey, keys.JSMS.MasterSecret)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// TestHandsetPlaysACall: a voice code that was asked for over the jsms dialect
// is a call on the phone: its digits are those that were heard, the browser can
// play what was spoken, and whoever heard it proves the number.
func TestHandsetPlaysACall(t *testing.T) {
	dev := process.Dev(t, binary, t.TempDir())
	p := open(t)
	p.do(t, chromedp.Navigate(dev.HandsetURL))
	var asked struct {
		ID string `json:"msg_id"`
	}
	answer := jsms(t, dev, "/v1/voice_codes", `{"mobile":"`+phone+`","voice_lang":2,"ttl":300}`)
	if err := json.Unmarshal([]byte(answer), &asked); err != nil || asked.ID == "" {
		t.Fatalf("voice_codes: %s", answer)
	}
	const call = `document.querySelector("#messages li.call")`
	p.await(t, call+`?.querySelector("audio")?.readyState >= 1`)
	code := eval[string](t, p, call+`.querySelector(".code").innerText`)
	text := eval[string](t, p, call+`.querySelector(".text").innerText`)
	seconds := eval[float64](t, p, call+`.querySelector("audio").duration`)
	broken := eval[bool](t, p, call+`.querySelector("audio").error !== null`)
	spaced := strings.Join(strings.Split(code, ""), " ")
	if len(code) != 6 || !strings.Contains(text, "您的验证码是 "+spaced) || !strings.Contains(text, "Your code is "+spaced) {
		t.Errorf("code %q, text %q", code, text)
	}
	if seconds < 20 || seconds > 90 || broken {
		t.Errorf("%v seconds of sound, broken: %v", seconds, broken)
	}
	told := dev.Messages(phone)
	if len(told) != 1 || told[0].Channel != "voice" || told[0].Code != code {
		t.Errorf("the API tells %+v", told)
	}
	if got := jsms(t, dev, "/v1/codes/"+asked.ID+"/valid", `{"code":"`+code+`"}`); strings.TrimSpace(got) != `{"is_valid":true}` {
		t.Errorf("valid: %s", got)
	}
	for _, secret := range []string{code, phone, spaced} {
		if strings.Contains(dev.Log(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
	p.screenshot(t, "handset-call")
	p.clean(t, dev.BaseURL)
}
