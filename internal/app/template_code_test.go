package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/tenant"
)

// aliyunOnly is a configuration file with one carrier, which takes no free text.
const aliyunOnly = `
[operator]
token = "env:TOKEN"
[[provider]]
name = "aliyun"
type = "aliyun"
url = "URL/"
account = "id"
password = "env:CARRIER"
signature = "验码"
[provider.templates]
code = { code = "SMS_153055065", params = ["code", "min=minutes"] }
login = { code = "SMS_2", params = ["code"] }
`

// TestCodeByTemplate: a code request of the yunbox dialect reaches a carrier that
// takes templates only, with its own template's code and our parameters
// (contracts/delivery.md §5.2); the app's code_template says which. The code
// that it was told is the one that logs in.
func TestCodeByTemplate(t *testing.T) {
	asked := make(chan url.Values, 10)
	carrier := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Query()
		_, _ = io.WriteString(w, `{"Code":"OK","Message":"OK","BizId":"9006197469364984^0","RequestId":"F655A8D5"}`)
	}))
	t.Cleanup(carrier.Close)
	a, _ := startProvider(t, aliyunOnly, carrier.URL, filepath.Join(t.TempDir(), "yanma.log"))
	key := appOverHTTP(t, a)

	first := codeByTemplate(t, a, key, "13912340021", asked)
	if first.Get("TemplateCode") != "SMS_153055065" || first.Get("PhoneNumbers") != "13912340021" || first.Get("SignName") != "验码" {
		t.Errorf("asked for %v", first)
	}
	var params map[string]string
	ok(t, json.Unmarshal([]byte(first.Get("TemplateParam")), &params))
	if len(params) != 2 || params["min"] != "5" || len(params["code"]) != 10 {
		t.Errorf("parameters: %v", params)
	}
	if got := postJSON(t, a.PublicURL()+"/check-code", fmt.Sprintf(`{"key":%q,"phone_no":"13912340021","user_input_code":%q}`, key, params["code"])); !strings.Contains(got, `"ok"`) {
		t.Errorf("the code that the carrier got is not the code: %s", got)
	}

	name := "login"
	_, err := a.admin.UpdateApp(t.Context(), operatorOfTests, a.directory.Apps()[0].ID, tenant.Patch{CodeTemplate: &name})
	ok(t, err)
	second := codeByTemplate(t, a, key, "13912340022", asked)
	params = nil
	ok(t, json.Unmarshal([]byte(second.Get("TemplateParam")), &params))
	if second.Get("TemplateCode") != "SMS_2" || len(params) != 1 || len(params["code"]) != 10 {
		t.Errorf("with another name: %v", second)
	}
}

func codeByTemplate(t *testing.T, a *App, key, phone string, asked <-chan url.Values) url.Values {
	t.Helper()
	if got := postJSON(t, a.PublicURL()+"/get-code", fmt.Sprintf(`{"key":%q,"phone_no":%q}`, key, phone)); !strings.Contains(got, `"ok"`) {
		t.Fatalf("get-code: %s", got)
	}
	select {
	case in := <-asked:
		return in
	case <-time.After(30 * time.Second):
		t.Fatal("the carrier is not asked")
		return nil
	}
}
